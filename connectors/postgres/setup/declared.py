"""Which tables, columns and triggers the migrations make, read from the files themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

_TABLE = re.compile(
    r"^create (?:unlogged )?table if not exists (\w+) \(\n(.*?)\n\);", re.DOTALL | re.MULTILINE
)
_ADDED = re.compile(r"^alter table (\w+) add column if not exists (.+)$", re.MULTILINE)
_TRIGGER = re.compile(
    r"^(create|drop)(?: or replace)?(?: constraint)? trigger (?:if exists )?(\w+)\s(.*?);",
    re.DOTALL | re.MULTILINE,
)
_ON = re.compile(r"\bon (\w+)")
_COLUMN = re.compile(r"^ *(\w+) (double precision|\w+)")
_CONSTRAINTS = frozenset({"check", "constraint", "exclude", "foreign", "primary", "unique"})

PLATFORMS = ("photos", "users")
"""The platform's own tables, made only where there are none."""

Columns = Mapping[str, str]
"""The types of columns by their names, without a vector's length."""


def made(files: Iterable[Path]) -> Mapping[str, Columns]:
    """The tables of our own that these migrations make, with the columns they begin with."""
    found: dict[str, Columns] = {}
    for path in files:
        for table, body in _TABLE.findall(path.read_text(encoding="utf-8")):
            if table not in PLATFORMS:
                # A line that goes on with the one before is indented more.
                lines = [line for line in body.splitlines() if re.match(r" {4}\w", line)]
                found[table] = dict(filter(None, map(_column, lines)))
    return found


def added(files: Iterable[Path]) -> Mapping[str, Columns]:
    """The columns that these migrations add to the platform's tables."""
    found = defaultdict[str, dict[str, str]](dict)
    for path in files:
        for table, text in _ADDED.findall(path.read_text(encoding="utf-8")):
            if table in PLATFORMS and (column := _column(text)):
                found[table].update([column])
    return found


def triggers(files: Iterable[Path]) -> Mapping[tuple[str, str], str]:
    """The triggers that these migrations leave, by name and table, and the file of each."""
    found: dict[tuple[str, str], str] = {}
    for path in files:
        for verb, name, rest in _TRIGGER.findall(path.read_text(encoding="utf-8")):
            if on := _ON.search(rest):
                found.pop((name, on[1]), None)
                if verb == "create":
                    found[name, on[1]] = f"sql/migrations/{path.name}"
    return found


def _column(text: str) -> tuple[str, str] | None:
    match = _COLUMN.match(text)
    if match is None or match[1] in _CONSTRAINTS:
        return None
    return match[1], match[2]
