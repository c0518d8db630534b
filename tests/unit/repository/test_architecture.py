"""The three floors, arrows down only: `soloface` runs, `connectors` talk, `dataflow` decides."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from docs.floors import rooms
from tests.places import REPOSITORY

FLOORS = ("soloface", "connectors", "dataflow")
DRIVERS = {"nats", "minio", "psycopg", "bytewax"}
ENTRY = "dataflow/__init__.py"
WIRING = "dataflow/pipeline.py"


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    assert found
    return sorted(found)


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def dotted(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


PRODUCTION = modules(*FLOORS)
NAMES = {dotted(path) for path in PRODUCTION}


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


@pytest.mark.parametrize("path", PRODUCTION, ids=name_of)
def test_a_floor_imports_nothing_from_above(path: Path) -> None:
    floor = name_of(path).partition("/")[0]
    above = set(FLOORS[: FLOORS.index(floor)])
    # `python -m bytewax.run dataflow:flow` is how the product is used: the one way up, and lazily.
    allowed = {"soloface"} if name_of(path) == ENTRY else set()
    assert roots(imported_by(path)) & above <= allowed


def test_the_one_way_up_is_taken_when_the_flow_is_asked_for() -> None:
    tree = ast.parse((REPOSITORY / ENTRY).read_text())
    at_import = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert roots({name for node in at_import for name in imports(node)}) & set(FLOORS) == set()


@pytest.mark.parametrize("path", modules("dataflow"), ids=name_of)
def test_the_floor_that_decides_drives_no_driver(path: Path) -> None:
    if name_of(path) == ENTRY:
        return
    allowed = {"bytewax"} if name_of(path) == WIRING else set()
    assert roots(imported_by(path)) & DRIVERS <= allowed


def test_no_module_imports_itself_by_a_detour() -> None:
    """Imports inside functions and for the type checker count too: they would hide a circle."""
    graph = {
        dotted(path): edges(path) - {dotted(path)} for path in PRODUCTION if name_of(path) != ENTRY
    }
    assert list(TopologicalSorter(graph).static_order())


def test_no_room_leads_back_to_itself() -> None:
    assert list(TopologicalSorter(rooms()).static_order())


def edges(path: Path) -> set[str]:
    """Our modules that a module imports; a package only where no module of it is meant."""
    names = imported_by(path) & NAMES
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


@pytest.mark.parametrize("path", PRODUCTION, ids=name_of)
def test_production_code_does_not_import_tests(path: Path) -> None:
    assert roots(imported_by(path)) & {"tests", "pytest", "hypothesis"} == set()


@pytest.mark.parametrize("path", modules(*FLOORS, "tests", "benchmarks"), ids=name_of)
def test_no_module_is_over_300_lines(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= 300


def test_the_client_of_the_api_loads_no_driver_and_no_network() -> None:
    """So the API's types stand beside those of the rows, although some are alike."""
    script = "import json, sys, soloface.client; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = roots(set(json.loads(done.stdout)))
    assert "pydantic" in loaded
    assert loaded & {*DRIVERS, "connectors", "numpy", "cv2", "onnxruntime"} == set()


def test_importing_the_package_loads_no_driver_and_no_network() -> None:
    script = "import json, sys, dataflow; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = roots(set(json.loads(done.stdout)))
    assert "dataflow" in loaded
    assert loaded & {*DRIVERS, "connectors", "cv2", "onnxruntime", "insightface"} == set()
