"""A gallery in memory finds whom the plain statement finds in that snapshot, whoever changes."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.nearest import nearest_fellows
from connectors.postgres.session import Connection
from dataflow.gallery.remembered import Remembered
from tests.builders import DIMENSION, photo, user
from tests.fixtures.memories import (
    GALLERIES,
    USERS,
    VECTORS,
    asked,
    enrol,
    found,
    require_same,
)
from tests.fixtures.recording import MODEL, Records, face
from tests.fixtures.rematching import rematching_of, settle


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
    connection: Connection, thirty: GalleryMemory, compared: list[int], how: str
) -> None:
    before = thirty.now
    require_same(connection, before)
    assert compared[0] == 0

    VOIDS[how](connection)

    del compared[:]
    require_same(connection, before)
    assert compared[:2] == [0, len(asked())]
    thirty.refresh()
    del compared[:]
    require_same(connection, thirty.now)
    # Nothing watches over the other table.
    assert compared[0] == (len(asked()) if how == "another table" else 0)


def test_a_transaction_that_began_before_the_memory_was_read_does_not_use_it(
    records: Records, connection: Connection, thirty: GalleryMemory, compared: list[int]
) -> None:
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        before = found(connection, None)
        records.run("delete from users where id <> %s", user(1))
        thirty.refresh()
        del compared[:]
        assert found(connection, thirty.now) == before
        assert compared[:2] == [0, len(asked())]


def test_writes_that_fire_no_other_triggers_are_noticed(
    connection: Connection, thirty: GalleryMemory
) -> None:
    before = thirty.now
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        enrol(connection, 1, VECTORS[7])
        connection.execute("delete from users where id = %s", [user(2)])
        connection.execute("delete from face_gallery_members where user_id = %s", [user(3)])
    require_same(connection, before)


def test_a_worker_finds_by_memory_who_has_just_enrolled(
    records: Records, thirty: GalleryMemory, compared: list[int]
) -> None:
    recorder = records.recorder(max_distance=0.001)
    remembering = type(recorder)(
        recorder.database, recorder.persistence, recorder.policy, MODEL, DIMENSION, thirty
    )
    records.add_photos(1, 2)
    records.add_user(77, 30)
    remembering.record([face(1, 31), face(2, 31, gallery="hall")])
    assert records.matches() == {photo(1): user(77)}
    assert set(compared) == {0}


def test_faces_are_matched_again_by_memory(
    records: Records, thirty: GalleryMemory, compared: list[int]
) -> None:
    records.add_photos(1)
    records.recorder(max_distance=0.001).record([face(1, 31)])
    assert records.matches() == {}
    records.add_user(77, 30)
    with closing(rematching_of(records, 0.001)) as plain:
        rematching = replace(plain, memory=thirty)
        del compared[:]
        settle(rematching)
    assert records.matches() == {photo(1): user(77)}
    assert set(compared) == {0}


def test_whoever_is_in_one_of_several_galleries_is_found(
    records: Records, connection: Connection, thirty: GalleryMemory, compared: list[int]
) -> None:
    records.add_members("yard", *range(5, 20))
    vectors = [question.embedding for question in asked()]
    scopes = [frozenset(["hall", "yard"])] * len(vectors)
    expected = nearest_fellows(connection, vectors, scopes, MODEL, 3)
    del compared[:]
    assert nearest_fellows(connection, vectors, scopes, MODEL, 3, thirty) == expected
    assert compared == [0]
