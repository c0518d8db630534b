"""The outbox of tag changes: one process at a time, in order, nothing forgotten untold."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr

from connectors.postgres.connection import Database
from connectors.postgres.setup.migrate import migrate, migrations
from connectors.postgres.tags.outbox import Outbox
from dataflow.jobs.errors import SystemicError
from dataflow.settings import DatabaseSettings
from dataflow.tags.change import Cause, Change, TagChange, replayed
from tests.builders import DIMENSION, photo, user
from tests.feed import assert_in_order, tags_now, untold
from tests.fixtures.pgbouncer import Pooled
from tests.fixtures.recording import Records, face
from tests.outbox import add_tags, all_of, refuse
from tests.places import REPOSITORY


@pytest.fixture
def outbox(records: Records) -> Iterator[Outbox]:
    with closing(Database(records.settings)) as database:
        yield Outbox(database)


def dsn_of(records: Records) -> str:
    return records.settings.dsn.get_secret_value()


def test_a_wave_has_the_first_change_of_each_photo_and_is_forgotten(
    records: Records, outbox: Outbox
) -> None:
    records.add_user(1, 0)
    add_tags(records, 1, 2)
    records.run("update face_matches set confidence = 0.5 where on_photo_id = %s", photo(1))
    records.run("delete from face_matches where on_photo_id = %s", photo(1))

    waves: list[list[tuple[UUID, Change]]] = []
    while outbox.wave(lambda changes: waves.append([(c.photo_id, c.change) for c in changes])):
        pass

    assert waves == [
        [(photo(1), Change.GAINED), (photo(2), Change.GAINED)],
        [(photo(1), Change.REMEASURED)],
        [(photo(1), Change.LOST)],
    ]
    assert outbox.wave(refuse) == ()


def test_what_could_not_be_told_waits_with_its_number(records: Records, outbox: Outbox) -> None:
    records.add_user(1, 0)
    add_tags(records, 1, 2, 3)
    with pytest.raises(SystemicError, match="not today"):
        outbox.wave(refuse)
    assert untold(dsn_of(records)) == 3
    assert [change.seq for change in all_of(outbox)] == [1, 2, 3]


def test_one_process_at_a_time_tells(records: Records, outbox: Outbox) -> None:
    records.add_user(1, 0)
    add_tags(records, 1, 2)
    begun, over = threading.Event(), threading.Event()
    told: list[TagChange] = []

    def slowly(changes: Sequence[TagChange]) -> None:
        begun.set()
        assert over.wait(60)
        told.extend(changes)

    with ThreadPoolExecutor(1) as pool, closing(Database(records.settings)) as other:
        first = pool.submit(outbox.wave, slowly)
        assert begun.wait(60)
        assert Outbox(other).wave(refuse) is None
        over.set()
        assert [change.seq for change in first.result() or ()] == [1, 2]
        pool.submit(outbox.close).result()
        assert Outbox(other).wave(refuse) == ()
    assert len(told) == 2


def test_a_change_that_is_told_and_not_forgotten_is_told_again_under_its_number(
    records: Records, outbox: Outbox
) -> None:
    records.add_user(1, 0)
    add_tags(records, 1)
    told: list[TagChange] = []

    def tell_and_lose_the_connection(changes: Sequence[TagChange]) -> None:
        told.extend(changes)
        records.run(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'soloface' and datname = current_database()"
        )

    with pytest.raises(SystemicError):
        outbox.wave(tell_and_lose_the_connection)
    assert [*told, *all_of(outbox)] == told * 2


def test_waves_go_through_a_pooler_that_changes_connections(
    records: Records, pooled: Pooled
) -> None:
    records.add_user(1, 0)
    add_tags(records, *range(1, 21))
    pool = SecretStr(pooled(dsn_of(records)))
    settings = DatabaseSettings(dsn=pool, pooler="transaction")
    told: list[TagChange] = []
    lock = threading.Lock()

    def tell(changes: Sequence[TagChange]) -> None:
        with lock:
            told.extend(changes)

    def relay(_: int) -> None:
        with closing(Database(settings)) as database:
            while Outbox(database, most=3).wave(tell) != ():
                pass

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(relay, range(4)))
    assert [change.seq for change in told] == list(range(1, 21))


def test_the_pages_way_to_tell_all_tags_again_tells_all_tags(
    records: Records, outbox: Outbox
) -> None:
    records.add_user(1, 0)
    add_tags(records, *range(1, 6))
    records.run("delete from face_matches where on_photo_id = %s", photo(5))
    all_of(outbox)
    page = (REPOSITORY / "docs" / "events.md").read_text(encoding="utf-8")
    (statements,) = re.findall(r"### If the feed is lost.*?```sql\n(.*?)```", page, re.DOTALL)
    with psycopg.connect(dsn_of(records), autocommit=True) as owner:
        owner.execute("alter table face_outbox alter column seq restart with 1000")
        owner.execute(statements)
    told = all_of(outbox)
    assert [change.seq for change in told] == [1000, 1001, 1002, 1003]
    assert replayed(told) == tags_now(dsn_of(records))


def test_odd_rows_of_others_do_not_stop_the_feed(records: Records, outbox: Outbox) -> None:
    records.add_user(1, 0)
    with closing(psycopg.connect(dsn_of(records), autocommit=True)) as platform:
        platform.execute("select set_config('soloface.cause', 'a whim', false)")
        platform.execute("select set_config('soloface.by', repeat('é', 5000), false)")
        platform.execute("insert into photos (id) values (%s)", [photo(1)])
        platform.execute(
            "with f as (insert into photo_faces "
            "(photo_id, face_index, embedding, bbox, model, det_score) "
            "values (%s, 7, '[1,0,0,0]', '{}', 'm', 1) returning id) "
            "insert into face_matches (photo_face_id, user_id, confidence) "
            "select id, %s, 9 from f",
            [photo(1), user(1)],
        )
    (change,) = all_of(outbox)
    assert (change.cause, change.distance, change.face_index) == (Cause.PLATFORM, 9, 7)
    assert change.by == 200 * "é"


STATEMENTS = (
    (
        "update face_matches set user_id = %(user)s, confidence = %(far)s "
        "where on_photo_id = %(photo)s"
    ),
    "update face_matches set confidence = null where on_photo_id = %(photo)s",
    "delete from face_matches where on_photo_id = %(photo)s",
    "delete from photo_faces where photo_id = %(photo)s",
    "delete from photos where id = %(photo)s",
    "update users set face_embedding = null where id = %(user)s",
    "delete from users where id = %(user)s",
    "delete from face_matches where confidence > %(far)s",
)
WEIGHTS = (8, 3, 1, 1, 1, 1, 1, 1)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_done_to_the_tables_the_replayed_feed_says_what_is_there(
    records: Records, outbox: Outbox, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - not a secret
    recorder = records.recorder(max_distance=1.5)
    told: list[TagChange] = []
    for step in range(100):
        number, who = random.randint(1, 8), random.randint(1, 4)
        records.run("insert into photos (id) values (%s) on conflict do nothing", photo(number))
        if not records.run("select 1 from users where id = %s", user(who)):
            records.run("delete from face_withdrawals where user_id = %s", user(who))
            records.run("delete from face_withdrawn_photos where user_id = %s", user(who))
            records.add_user(who, 20 * who)
        if random.random() < 0.5:
            degrees = random.uniform(0, 90)
            recorder.record([face(number, degrees, seq=100 + step, face_index=step % 2)])
        elif random.random() < 0.03:
            records.run("truncate face_matches")
        else:
            values = {"photo": photo(number), "user": user(who), "far": random.uniform(0, 0.4)}
            with psycopg.connect(dsn_of(records)) as platform:
                (statement,) = random.choices(STATEMENTS, WEIGHTS)
                platform.execute(statement.encode(), values)
        if random.random() < 0.2:
            told += all_of(outbox)
    told += all_of(outbox)

    assert_in_order(told)
    assert replayed(told) == tags_now(dsn_of(records))
    assert len({change.change for change in told}) >= 3


def test_the_tags_that_were_there_before_the_feed_are_told_first(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(dsn=SecretStr(database_dsn))
    older = [file for file in migrations() if file.name < "0007"]
    with monkeypatch.context() as patch:
        patch.setattr("connectors.postgres.setup.migrate.migrations", lambda: older)
        assert migrate(settings, DIMENSION) == [file.name for file in older]
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        users = [uuid4() for _ in range(3)]
        connection.cursor().executemany(
            "insert into users (id, face_embedding) values (%s, '[1,0,0,0]')",
            [(user_id,) for user_id in users],
        )
        for number in range(30):
            connection.execute(
                "with p as (insert into photos (id) values (%s) returning id), "
                "f as (insert into photo_faces "
                "(photo_id, face_index, embedding, bbox, model, det_score) "
                "select id, %s, '[1,0,0,0]', '{}', 'm', 1 from p returning id) "
                "insert into face_matches (photo_face_id, user_id, confidence, created_at) "
                "select id, %s, %s, %s from f",
                [
                    photo(number),
                    number % 3,
                    users[number % 3],
                    number / 100,
                    "infinity" if number == 5 else "2025-01-02",
                ],
            )

    assert migrate(settings, DIMENSION)[0].startswith("0007")

    with closing(Database(settings)) as database:
        outbox = Outbox(database)
        count, age_s = outbox.state()
        told = all_of(outbox)
        assert outbox.state() == (0, 0)
    assert count == 30
    assert 0 <= age_s < 3600  # since they wait, not since they are there
    assert replayed(told) == tags_now(database_dsn)
    assert len(replayed(told)) == 30
    assert {(change.change, change.cause) for change in told} == {(Change.GAINED, Cause.JOB)}
