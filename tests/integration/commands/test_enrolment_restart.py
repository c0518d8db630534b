"""Enrolling many users twice, or killed midway and started again, ends in the same state.

TEST_ENROL_USERS=1000 makes it a thousand; by default it is 200, of whom one learns the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest

from tests.patience import PATIENCE_S
from tests.places import REPOSITORY
from tests.world import World, eventually

USERS = int(os.environ.get("TEST_ENROL_USERS", "200"))
PHOTOS = 2
State = tuple[list[tuple[object, ...]], ...]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with two photos of each user, of which the second is the first in another file."""
    for number in range(1, USERS + 1):
        folder = tmp_path / str(UUID(int=number))
        folder.mkdir()
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[0, 0] = list(number.to_bytes(3, "big"))
        for photo in range(PHOTOS):
            pixels[7, 7] = photo
            (folder / f"{photo}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return tmp_path


@pytest.fixture
def start(world: World, tree: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start enrolling the tree; the world's environment goes along."""
    del world
    monkeypatch.setenv("SOLOFACE_ENROLMENT__QUALITY", "off")

    def start(*options: str, halt_after: int = 0) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.enrolling", str(halt_after), "enroll"]
        return subprocess.Popen(
            [*command, "--folder", tree, *options], cwd=REPOSITORY, stdout=subprocess.PIPE
        )

    return start


def finished(process: subprocess.Popen[bytes]) -> str:
    out, _ = process.communicate(timeout=PATIENCE_S + USERS / 10)
    assert process.returncode == 0
    return out.decode()


def state(world: World) -> State:
    """Everything about the users but when it was written."""
    with world.database() as connection:
        return tuple(
            [tuple(row.values()) for row in connection.execute(query).fetchall()]
            for query in (
                "select id, face_embedding::text, face_embedding_model from users order by id",
                "select user_id, model, photos, fingerprint from face_enrolments order by user_id",
                "select * from face_enrolment_photos order by user_id, sha256",
            )
        )


def count(world: World) -> int:
    return len(world.gallery())


def test_enrolling_twice_and_after_a_kill_ends_in_the_same_state(
    world: World, start: Start
) -> None:
    first = start(halt_after=USERS * PHOTOS // 2)
    try:
        # All of the batches before the one in which it stands still.
        whole = USERS // 2 // 32 * 32
        eventually(lambda: count(world) >= whole, "half of them are stored")
    finally:
        first.kill()
        first.communicate()
    assert count(world) == whole < USERS

    assert f"{USERS - whole} users enrolled, {whole} unchanged" in finished(start())

    after_kill = state(world)
    assert f"0 users enrolled, {USERS} unchanged" in finished(start())
    assert state(world) == after_kill

    with world.database() as connection:
        connection.execute("truncate users cascade")
    # Who goes with their row has withdrawn.
    assert f"{USERS} users enrolled, 0 unchanged" in finished(start("--again"))
    assert state(world) == after_kill
    assert [len(rows) for rows in after_kill] == [USERS, USERS, USERS * PHOTOS]
