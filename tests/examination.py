"""What `soloface doctor --json` has found."""

from __future__ import annotations

from tests.fixtures.worker import Done

NAMES = [
    *("nats", "held jobs", "people", "postgres", "schema", "rights", "object store"),
    *("model", "gallery"),
]
"""The checks in their order; one may say nothing, or several things."""


def unhealthy(done: Done) -> dict[str, str]:
    """The names and details of what is wrong."""
    names = list(dict.fromkeys(finding["name"] for finding in done.json))
    assert names == [name for name in NAMES if name in names]
    found = {f["name"]: str(f["detail"]) for f in done.json if not f["healthy"]}
    assert done.code == (1 if found else 0)
    return found


def details(done: Done, name: str) -> list[str]:
    assert done.code == 0, done.out
    return [finding["detail"] for finding in done.json if finding["name"] == name]


def warnings(done: Done) -> list[str]:
    return [finding["detail"] for finding in done.json if finding["warning"]]
