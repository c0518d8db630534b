"""The page on security promises nothing that no test holds."""

from __future__ import annotations

import ast
import re

import pytest

from tests.places import REPOSITORY

PAGE = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([STRIDE]-\d+) \|(.*)\|$", re.MULTILINE)
NAME = re.compile(r"`(test_\w+)`")
FORBIDDEN = frozenset({"pickle", "marshal", "shelve", "dill", "joblib"})


def existing_names() -> set[str]:
    """The names of all tests."""
    trees = (
        ast.parse(file.read_text(encoding="utf-8"))
        for file in (REPOSITORY / "tests").rglob("test_*.py")
    )
    return {
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_test_that_is_named_exists() -> None:
    assert set(NAME.findall(PAGE)) - existing_names() == set()


def test_every_threat_has_a_number_of_its_own_and_a_test() -> None:
    rows = ROW.findall(PAGE)
    ids = [number for number, _ in rows]
    assert len(ids) == len(set(ids)) >= 6
    assert {number[0] for number in ids} == set("STRIDE")
    assert [number for number, text in rows if not NAME.search(text.split("|")[-1])] == []


@pytest.mark.parametrize("folder", ["dataflow", "connectors"])
def test_no_production_code_unpickles_or_evaluates(folder: str) -> None:
    found = []
    for file in sorted((REPOSITORY / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    modules = {alias.name.partition(".")[0] for alias in names}
                case ast.ImportFrom(module=str(module)):
                    modules = {module.partition(".")[0]}
                case ast.Call(func=ast.Name(id="eval" | "exec")):
                    found.append(f"{file}: eval")
                    continue
                case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                    found.append(f"{file}: allow_pickle")
                    continue
                case _:
                    continue
            found += [f"{file}: {module}" for module in modules & FORBIDDEN]
    assert found == []


@pytest.mark.parametrize("folder", ["dataflow", "connectors/postgres"])
def test_no_statement_is_put_together_from_values(folder: str) -> None:
    found = []
    for file in sorted((REPOSITORY / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="execute" | "executemany"),
                    args=[ast.JoinedStr() | ast.BinOp() | ast.Call(func=ast.Attribute()), *_],
                ) if ast.unparse(node.args[0]) != "sql.SQL(script)":  # a migration of ours
                    found.append(f"{file}: {ast.unparse(node)}")
    assert found == []
