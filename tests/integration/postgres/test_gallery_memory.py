"""A gallery in memory finds whom the plain statement finds in that snapshot, whoever changes."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import pytest
from structlog.testing import capture_logs

from connectors.postgres.connection import Database
from connectors.postgres.gallery import memory as gallery_memory
from connectors.postgres.gallery.candidates import Question, candidates
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.nearest import Nearest
from connectors.postgres.gallery.reading import BYTES_BESIDE
from connectors.postgres.session import Connection
from dataflow.gallery.remembered import Remembered
from dataflow.gallery.search import Plan
from tests.builders import DIMENSION, photo, user
from tests.fixtures.recording import MODEL, Records, face
from tests.world import eventually

USERS = 30
GALLERIES = (None, "hall", "yard")
VECTORS = [
    [float(x) for x in vector]
    for vector in np.random.default_rng(1).integers(-3, 4, (12, DIMENSION))
] + [[0.0] * DIMENSION, [1e-25] + [0.0] * (DIMENSION - 1), [100.0] * DIMENSION]


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few there are."""
    monkeypatch.setattr(gallery_memory, "LEAST_USERS", 0)


@pytest.fixture
def memory(records: Records) -> Iterator[GalleryMemory]:
    with closing(Database(records.settings)) as database:
        yield GalleryMemory(database, MODEL, DIMENSION, 1)


@pytest.fixture
def connection(records: Records) -> Iterator[Connection]:
    with closing(Database(records.settings)) as database, database.connection() as connection:
        yield connection


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many faces were compared with everybody, by each search."""
    counts: list[int] = []
    real = Nearest._ask_all

    def counting(self: Nearest, places: list[int], plan: Plan, count: int):  # type: ignore[no-untyped-def] # noqa: ANN202
        counts.append(len(places))
        return real(self, places, plan, count)

    monkeypatch.setattr(Nearest, "_ask_all", counting)
    return counts


def asked(count: int = 16) -> list[Question]:
    rng = np.random.default_rng(2)
    faces = rng.standard_normal((count, DIMENSION)).astype(np.float32)
    return [
        Question(photo(n), vector, GALLERIES[n % len(GALLERIES)])
        for n, vector in enumerate([*faces, *np.eye(DIMENSION, dtype=np.float32)])
    ]


def found(connection: Connection, remembered: Remembered | None) -> list[list[tuple[UUID, str]]]:
    """The nearest three of each face; a zero vector is at no distance that equals another."""
    plan = Plan(0, remembered=remembered)
    answers = candidates(connection, asked(), MODEL, plan)
    return [[(one.user_id, str(one.distance)) for one in nearest] for _, nearest, _ in answers]


def require_same(connection: Connection, remembered: Remembered | None) -> None:
    """In one snapshot, the memory gives what the plain statement gives."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        assert found(connection, remembered) == found(connection, None)


def enrol(connection: Connection, number: int, vector: list[float]) -> None:
    asked = {"id": user(number), "vector": str(vector), "model": MODEL}
    connection.execute(
        "insert into users (id, face_embedding, face_embedding_model) "
        "values (%(id)s, %(vector)s, %(model)s) on conflict (id) do update "
        "set face_embedding = excluded.face_embedding, face_embedding_model = %(model)s",
        asked,
    )


@dataclass
class Platform:
    """Three sessions that write, each users of its own, so that none waits for another."""

    chance: random.Random
    sessions: list[Connection]
    is_open: list[bool] = field(default_factory=lambda: [False] * 3)

    def act(self) -> None:
        at = self.chance.randrange(3)
        session, number = self.sessions[at], 3 * self.chance.randrange(USERS // 3) + at
        gallery = self.chance.choice(GALLERIES[1:])
        match self.chance.choice("eeeewdjjlbcrsm"):
            case "e":
                enrol(session, number, self.chance.choice(VECTORS))
            case "w":
                session.execute(
                    "update users set face_embedding = null where id = %s", [user(number)]
                )
            case "d":
                session.execute("delete from users where id = %s", [user(number)])
                session.execute("delete from face_withdrawals where user_id = %s", [user(number)])
            case "j":
                session.execute(
                    "insert into face_gallery_members (gallery, user_id) select %s, id from users "
                    "where id = %s on conflict do nothing",
                    [gallery, user(number)],
                )
            case "l":
                session.execute(
                    "delete from face_gallery_members where gallery = %s and user_id = %s",
                    [gallery, user(number)],
                )
            case "m":
                session.execute(
                    "update users set face_embedding_model = %s where id = %s "
                    "and face_embedding is not null",
                    [self.chance.choice([MODEL, "other-0123456789ab"]), user(number)],
                )
            case "s":
                with session.transaction(force_rollback=self.chance.random() < 0.5):
                    enrol(session, number, self.chance.choice(VECTORS))
            case "b" if not self.is_open[at]:
                session.execute("begin")
                self.is_open[at] = True
            case "c" | "r" as how if self.is_open[at]:
                session.execute("commit" if how == "c" else "rollback")
                self.is_open[at] = False

    def end(self) -> None:
        for session in self.sessions:
            session.rollback()


@pytest.mark.parametrize("seed", range(int(os.environ.get("TEST_LAW_EXAMPLES", "3"))))
def test_it_finds_whom_the_plain_statement_finds(
    records: Records,
    connection: Connection,
    memory: GalleryMemory,
    compared: list[int],
    seed: int,
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same ones each time
    with (
        closing(Database(records.settings)) as first,
        closing(Database(records.settings)) as second,
        closing(Database(records.settings)) as third,
        first.connection() as one,
        second.connection() as two,
        third.connection() as three,
    ):
        platform = Platform(chance, [one, two, three])
        remembered: list[Remembered | None] = []
        for _ in range(25):
            for _ in range(chance.randrange(4)):
                platform.act()
            if not remembered or chance.random() < 0.3:
                memory.refresh()
                remembered.append(memory.now)
            del compared[:]
            # An older memory is as true, and so is one in a session that has written itself.
            session = chance.choice([connection, connection, *platform.sessions])
            used = chance.choice(remembered[-3:])
            if session.info.transaction_status:
                assert found(session, used) == found(session, None)
            else:
                require_same(session, used)
            assert compared[0] == 0, "the memory was of no use"
        platform.end()


@pytest.fixture
def crowd(records: Records, connection: Connection, memory: GalleryMemory) -> GalleryMemory:
    """Thirty users who are remembered."""
    for number in range(USERS):
        enrol(connection, number, VECTORS[number % 12])
    records.add_members("hall", *range(10))
    memory.refresh()
    return memory


def alter_by_the_way(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("alter table users disable trigger soloface_stamp_user")
        enrol(connection, 1, VECTORS[7])
        connection.execute("alter table users enable trigger soloface_stamp_user")


def alter_column(connection: Connection) -> None:
    connection.execute(
        "alter table users alter column face_embedding type vector(4) "
        "using (face_embedding * '[-1,1,-1,1]'::vector)::vector(4)"
    )


def replace_table(connection: Connection) -> None:
    connection.execute("alter table users rename to users_before")
    connection.execute("create table users (like users_before including all)")
    enrol(connection, 1, VECTORS[7])


VOIDS: dict[str, Callable[[Connection], object]] = {
    "truncated": lambda c: c.execute("truncate users cascade"),
    "members truncated": lambda c: c.execute("truncate face_gallery_members"),
    "a trigger disabled for a while": alter_by_the_way,
    "another type": alter_column,
    "another table": replace_table,
    "the server lost its memory": lambda c: c.execute("truncate face_memory"),
    "more changed than it pays to compare": lambda c: c.execute(
        "insert into face_user_changes (user_id) select gen_random_uuid() "
        "from generate_series(1, 65)"
    ),
    "pruned": lambda c: c.execute("update face_memory set pruned = pg_current_xact_id()"),
}


@pytest.mark.parametrize("how", VOIDS)
def test_a_memory_that_does_not_hold_is_not_used(
    connection: Connection, crowd: GalleryMemory, compared: list[int], how: str
) -> None:
    before = crowd.now
    require_same(connection, before)
    assert compared[0] == 0

    VOIDS[how](connection)

    del compared[:]
    require_same(connection, before)
    assert compared[:2] == [0, len(asked())]
    crowd.refresh()
    del compared[:]
    require_same(connection, crowd.now)
    # Nothing watches over the other table.
    assert compared[0] == (len(asked()) if how == "another table" else 0)


def test_a_transaction_that_began_before_the_memory_was_read_does_not_use_it(
    records: Records, connection: Connection, crowd: GalleryMemory, compared: list[int]
) -> None:
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        before = found(connection, None)
        records.run("delete from users where id <> %s", user(1))
        crowd.refresh()
        del compared[:]
        assert found(connection, crowd.now) == before
        assert compared[:2] == [0, len(asked())]


def test_writes_that_fire_no_other_triggers_are_noticed(
    connection: Connection, crowd: GalleryMemory
) -> None:
    before = crowd.now
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        enrol(connection, 1, VECTORS[7])
        connection.execute("delete from users where id = %s", [user(2)])
        connection.execute("delete from face_gallery_members where user_id = %s", [user(3)])
    require_same(connection, before)


def test_changes_that_every_memory_has_read_are_removed(
    records: Records, connection: Connection, crowd: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = crowd.now
    monkeypatch.setattr(gallery_memory, "PRUNE_S", 0)
    enrol(connection, 1, VECTORS[7])
    crowd.refresh()
    assert records.run("select xid from face_user_changes")
    records.run("update face_user_changes set noted_at = now() - interval '1 hour'")
    # As a restore brings them from a server that has seen more.
    records.run(
        "insert into face_user_changes (xid, user_id, noted_at) "
        "values ('999999999', %s, now() - interval '1 hour')",
        user(2),
    )
    crowd.refresh()
    assert not records.run("select xid from face_user_changes")
    require_same(connection, crowd.now)
    require_same(connection, before)


def test_a_worker_finds_by_memory_who_has_just_enrolled(
    records: Records, crowd: GalleryMemory, compared: list[int]
) -> None:
    recorder = records.recorder(max_distance=0.001)
    remembering = type(recorder)(
        recorder.database, recorder.persistence, recorder.policy, MODEL, DIMENSION, crowd
    )
    records.add_photos(1, 2)
    records.add_user(77, 30)
    remembering.record([face(1, 31), face(2, 31, gallery="hall")])
    assert records.matches() == {photo(1): user(77)}
    assert set(compared) == {0}


def test_too_little_memory_is_said_and_leaves_the_plain_search(
    connection: Connection, crowd: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = GalleryMemory(crowd.database, MODEL, DIMENSION, 1)
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
    connection: Connection, crowd: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_memory, "room_for", lambda *_: USERS + 1)
    tight = GalleryMemory(crowd.database, MODEL, DIMENSION, 1)
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


def test_memory_can_be_turned_off(crowd: GalleryMemory) -> None:
    off = GalleryMemory(crowd.database, MODEL, DIMENSION, 0)
    off.refresh()
    assert off.now is None


def test_the_thread_keeps_up_with_the_database(
    records: Records, crowd: GalleryMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_memory, "LOOK_S", 0.01)
    stop = threading.Event()
    thread = crowd.keep(stop)
    records.add_user(77, 30)
    eventually(
        lambda: crowd.now is not None and crowd.now.crowd.size == USERS + 1, "the user is known"
    )
    stop.set()
    thread.join()


def test_a_user_takes_as_much_memory_as_is_said(crowd: GalleryMemory) -> None:
    assert crowd.now
    coded, ids = crowd.now.crowd.coded, crowd.now.ids
    parts = (coded.codes, coded.scales, coded.errors, ids)
    taken = sum(part.nbytes for part in parts) / len(coded) + 2 * np.dtype(np.intp).itemsize
    assert taken <= DIMENSION + BYTES_BESIDE
