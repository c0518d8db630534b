"""Reading a CSV that somebody has made, with a line that says what is wrong with it."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from dataflow.jobs.errors import ConfigurationError

COMMA, SEMICOLON = ",", ";"
STANDARD_INPUT = Path("-")


def rows(table: Path, *columns: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a table row by row, each with the number of its line; empty lines are passed over.

    Cells are parted by commas, or by semicolons as some spreadsheets do it.

    Args:
        table: the file, in UTF-8, with the names of its columns in the first line; ``-`` is
            standard input.
        columns: those that it must have; further ones may follow.

    Raises:
        ConfigurationError: it cannot be read, is no such table, or misses a column.
    """
    try:
        with _opened(table) as file:
            head = file.readline()
            separator = SEMICOLON if SEMICOLON in head and COMMA not in head else COMMA
            reader = csv.DictReader(chain([head], file), delimiter=separator, strict=True)
            try:
                yield from _rows(table, reader, columns)
            except csv.Error as error:
                raise ConfigurationError(f"{table}, line {reader.line_num}: {error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{table} is not text in UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{table} cannot be read: {error.strerror}") from None


def _opened(table: Path) -> TextIO:
    if table == STANDARD_INPUT:
        data = sys.stdin.buffer.read() if sys.stdin else b""
        return io.StringIO(data.decode("utf-8-sig"), newline="")
    return table.open(newline="", encoding="utf-8-sig")


def _rows(
    table: Path, reader: csv.DictReader[str], columns: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    names = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = names
    if missing := [column for column in columns if column not in names]:
        raise ConfigurationError(
            f"{table}, line 1: there is no column {' or '.join(missing)}; the first line must name "
            f"the columns {' and '.join(columns)}"
        )
    for row in reader:
        if None in row or None in row.values():
            raise ConfigurationError(
                f"{table}, line {reader.line_num}: it has not as many cells as the first line"
            )
        yield reader.line_num, row
