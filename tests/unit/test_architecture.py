"""The rules that keep the core free of drivers, importing light and modules small."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DRIVERS = {"nats", "minio", "psycopg", "bytewax"}


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    assert found
    return sorted(found)


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def is_core(path: Path) -> bool:
    name = name_of(path)
    wiring = {"dataflow/__init__.py", "dataflow/pipeline.py"}
    return name not in wiring and not name.startswith("dataflow/cli/")


CORE = [path for path in modules("dataflow") if is_core(path)]


def imports(node: ast.AST) -> Iterator[str]:
    """Dotted names of all modules that are imported in a piece of code, however deep."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            yield from (alias.name for alias in inner.names)
        elif isinstance(inner, ast.ImportFrom):
            assert inner.level == 0, "imports are absolute here"
            yield inner.module or ""
            yield from (f"{inner.module}.{alias.name}" for alias in inner.names)


def imported_by(path: Path) -> set[str]:
    return set(imports(ast.parse(path.read_text())))


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_imports_no_driver_and_no_connector(path: Path) -> None:
    assert roots(imported_by(path)) & (DRIVERS | {"connectors"}) == set()


def test_the_wiring_knows_bytewax_and_no_other_driver() -> None:
    wired = roots(imported_by(REPOSITORY / "dataflow/pipeline.py"))
    assert wired & (DRIVERS | {"connectors"}) == {"bytewax"}


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_does_not_import_the_command_line(path: Path) -> None:
    assert not any(name.startswith("dataflow.cli") for name in imported_by(path))


@pytest.mark.parametrize("path", modules("connectors"), ids=name_of)
def test_connectors_do_not_import_the_command_line(path: Path) -> None:
    assert not any(name.startswith("dataflow.cli") for name in imported_by(path))


@pytest.mark.parametrize("path", modules("dataflow", "connectors"), ids=name_of)
def test_production_code_does_not_import_tests(path: Path) -> None:
    assert roots(imported_by(path)) & {"tests", "pytest", "hypothesis"} == set()


@pytest.mark.parametrize("path", modules("dataflow", "connectors", "tests"), ids=name_of)
def test_no_module_is_over_300_lines(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= 300


def test_importing_the_package_loads_no_driver_and_no_network() -> None:
    script = "import json, sys, dataflow; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = roots(set(json.loads(done.stdout)))
    assert "dataflow" in loaded
    assert loaded & {*DRIVERS, "connectors", "cv2", "onnxruntime", "insightface"} == set()
