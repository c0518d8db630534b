"""Folders of users."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED

ANA, BEA = ENROLLED[:2]


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, UUID]:
    """Folders of two users in `tmp_path`, and what else lies about there."""
    users = {"ana": uuid4(), "bea": uuid4()}
    for person, name in ((ANA, "ana"), (BEA, "bea")):
        folder = tmp_path / str(users[name])
        folder.mkdir()
        (folder / "1.jpg").write_bytes(jpeg(person.portrait()))
        (folder / "2.jpg").write_bytes(CHANGES["quality 25"](person.portrait()))
        (folder / ".DS_Store").write_text("no photo")
    (tmp_path / "list.txt").write_text("no folder")
    return users
