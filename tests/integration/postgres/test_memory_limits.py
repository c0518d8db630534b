"""What a gallery in memory takes, and when there is none."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from structlog.testing import capture_logs

from connectors.postgres.gallery import memory as gallery_memory
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.reading import BYTES_BESIDE
from connectors.postgres.session import Connection
from tests.builders import DIMENSION, user
from tests.fixtures.memories import USERS, VECTORS, enrol, require_same
from tests.fixtures.recording import MODEL, Records
from tests.world import eventually


def test_changes_that_every_memory_has_read_are_removed(
    records: Records, connection: Connection, thirty: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = thirty.now
    monkeypatch.setattr(gallery_memory, "PRUNE_S", 0)
    enrol(connection, 1, VECTORS[7])
    thirty.refresh()
    assert records.run("select xid from face_user_changes")
    records.run("update face_user_changes set noted_at = now() - interval '1 hour'")
    # As a restore brings them from a server that has seen more.
    records.run(
        "insert into face_user_changes (xid, user_id, noted_at) "
        "values ('999999999', %s, now() - interval '1 hour')",
        user(2),
    )
    thirty.refresh()
    assert not records.run("select xid from face_user_changes")
    require_same(connection, thirty.now)
    require_same(connection, before)


def test_too_little_memory_is_said_and_leaves_the_plain_search(
    connection: Connection, thirty: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = GalleryMemory(thirty.database, MODEL, DIMENSION, 1)
    monkeypatch.setattr(gallery_memory, "room_for", lambda *_: USERS - 1)
    with capture_logs() as logs:
        small.refresh()
        small.refresh()
    (line,) = logs
    assert (line["event"], line["log_level"]) == ("gallery_not_remembered", "warning")
    assert "1 MB" in line["error"]
    assert small.now is None
    require_same(connection, small.now)


def test_room_that_others_have_left_is_found_again(
    connection: Connection, thirty: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_memory, "room_for", lambda *_: USERS + 1)
    tight = GalleryMemory(thirty.database, MODEL, DIMENSION, 1)
    tight.refresh()
    for vector in VECTORS[:3]:
        enrol(connection, 1, vector)
        tight.refresh()
        assert tight.now
        assert tight.now.crowd.size == USERS
        require_same(connection, tight.now)


def test_a_database_that_nothing_watches_is_not_remembered(
    connection: Connection, memory: GalleryMemory
) -> None:
    connection.execute("alter table users disable trigger soloface_stamp_user")
    with capture_logs() as logs:
        memory.refresh()
    assert memory.now is None
    assert "soloface doctor" in logs[0]["error"]


def test_a_vector_of_another_length_is_said_and_ends_no_thread(
    connection: Connection, thirty: GalleryMemory
) -> None:
    connection.execute("alter table users alter face_embedding type vector")
    thirty.refresh()
    assert thirty.now
    enrol(connection, 1, [1.0] * (DIMENSION + 1))
    with capture_logs() as logs:
        thirty.refresh()
    assert thirty.now is None
    assert "of another length" in logs[0]["error"]


def test_memory_can_be_turned_off(thirty: GalleryMemory) -> None:
    off = GalleryMemory(thirty.database, MODEL, DIMENSION, 0)
    off.refresh()
    assert off.now is None


def test_the_thread_keeps_up_with_the_database(
    records: Records, thirty: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_memory, "LOOK_S", 0.01)
    stop = threading.Event()
    thread = thirty.keep(stop)
    records.add_user(77, 30)
    eventually(
        lambda: thirty.now is not None and thirty.now.crowd.size == USERS + 1, "the user is known"
    )
    stop.set()
    thread.join()


def test_a_user_takes_as_much_memory_as_is_said(thirty: GalleryMemory) -> None:
    assert thirty.now
    coded, ids = thirty.now.crowd.coded, thirty.now.ids
    parts = (coded.codes, coded.scales, coded.errors, ids)
    taken = sum(part.nbytes for part in parts) / len(coded) + 2 * np.dtype(np.intp).itemsize
    assert taken <= DIMENSION + BYTES_BESIDE
