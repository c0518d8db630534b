"""What a terminal and a pipe get to see."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from soloface.cli.frame import output
from soloface.cli.frame.output import console_on, counted, plain_table
from tests.fixtures.terminal import Typed

LONG = "minio://images/" + "a-long-name-" * 30 + ".jpg"


def printed(stream: StringIO, monkeypatch: pytest.MonkeyPatch, width: int | None = None) -> str:
    monkeypatch.setattr("sys.stdout", stream)
    console = console_on(stream)
    if width:
        console = Console(width=width, soft_wrap=True, force_terminal=False)
    table = plain_table("number", "name", right=["number"])
    table.add_row("7", LONG)
    monkeypatch.setattr(output, "console", console)
    output.show_tables(table)
    console.print(f"refused {LONG}")
    return stream.getvalue()


@pytest.mark.parametrize("columns", [None, "20"])
def test_in_a_pipe_nothing_is_wrapped_or_cut(
    monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    lines = printed(StringIO(), monkeypatch).splitlines()

    assert len(lines) == 3
    assert lines[1].split() == ["7", LONG]
    assert lines[2] == f"refused {LONG}"


def test_in_a_terminal_a_table_folds_what_does_not_fit_and_cuts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    *rows, line = printed(Typed(), monkeypatch, width=60).splitlines()

    assert all(len(row) <= 60 for row in rows)
    assert "".join(row.removeprefix("     7").strip() for row in rows[1:]) == LONG
    assert line == f"refused {LONG}"


@given(st.integers(min_value=0, max_value=10**9))
def test_one_is_one_and_everything_else_is_many(count: int) -> None:
    assert counted(count, "user") == f"{count} user" + ("" if count == 1 else "s")
    assert counted(count, "person", "people").endswith("person" if count == 1 else "people")
