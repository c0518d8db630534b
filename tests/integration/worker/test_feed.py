"""The feed says what `face_matches` says, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from random import Random

import psycopg
import pytest
from nats.js import JetStreamContext
from pydantic import SecretStr

from connectors.embedded import NatsServer, PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.setup.migrate import migrate
from connectors.postgres.tags.outbox import Outbox
from dataflow.settings import PREFIX, DatabaseSettings, NatsSettings
from dataflow.tags.change import Cause, Change, TagChange, replayed
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.builders import DIMENSION
from tests.feed import (
    assert_in_order,
    assert_the_feed_is_true,
    feed,
    feed_messages,
    tags_now,
    told_so_far,
    untold,
)
from tests.fixtures.letters import Letters
from tests.fixtures.recording import Records
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.patience import LONG_TEST_S
from tests.places import REPOSITORY
from tests.relay import relaying
from tests.tag_platform import Platform, furnish
from tests.world import World, eventually

KILLS = int(os.environ.get("TEST_FEED_KILLS", "3"))
RESTARTS = int(os.environ.get("TEST_FEED_RESTARTS", "2"))


@pytest.fixture
def tables(records: Records) -> DatabaseSettings:
    furnish(records.settings.dsn.get_secret_value())
    return records.settings


def dsn_of(settings: DatabaseSettings) -> str:
    return settings.dsn.get_secret_value()


def test_two_relays_at_once_tell_everything_once_and_in_order(
    letters: Letters, tables: DatabaseSettings
) -> None:
    dsn = dsn_of(tables)
    platform = Platform(dsn)
    with relaying(letters.settings, tables), relaying(letters.settings, tables):
        eventually(lambda: platform.changes > 1000, "enough has changed")
        platform.end()
        told = assert_the_feed_is_true(letters.settings, dsn)
    assert {change.change for change in told} == set(Change)
    assert {change.cause for change in told} == {Cause.PLATFORM}


def wait_for_more(nats: NatsSettings) -> None:
    """Let somebody tell some changes."""
    before = told_so_far(nats)
    eventually(lambda: told_so_far(nats) > before + 50, "changes are told")


@contextmanager
def relay_process(database: DatabaseSettings) -> Iterator[subprocess.Popen[bytes]]:
    """A relay that may be killed."""
    variables = {f"{PREFIX}DATABASE__DSN": dsn_of(database)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.relay"],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert process.stdout.readline() == b"relays\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(LONG_TEST_S)
def test_relays_that_are_killed_lose_nothing_and_keep_the_order(
    letters: Letters, tables: DatabaseSettings
) -> None:
    dsn, random = dsn_of(tables), Random(1)  # noqa: S311 - not a secret
    platform = Platform(dsn)
    with ExitStack() as running:
        relays = [running.enter_context(relay_process(tables)) for _ in range(2)]
        for kill in range(KILLS):
            wait_for_more(letters.settings)
            time.sleep(random.uniform(0, 0.05))  # somewhere in the middle of a wave
            relays[kill % 2].send_signal(signal.SIGKILL)
            relays[kill % 2] = running.enter_context(relay_process(tables))
        platform.end()
        assert_the_feed_is_true(letters.settings, dsn)


@pytest.fixture
def own_nats() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.mark.timeout(LONG_TEST_S)
def test_servers_that_go_and_come_back_lose_nothing_and_keep_the_order(
    own_nats: NatsServer, own_postgres: PostgresServer
) -> None:
    nats = NatsSettings(url=own_nats.url, user=own_nats.user, password=own_nats.password)
    database = DatabaseSettings(dsn=SecretStr(own_postgres.dsn))
    migrate(database, DIMENSION)
    furnish(own_postgres.dsn)
    platform = Platform(own_postgres.dsn)
    with relaying(nats, database), relaying(nats, database):
        for _ in range(RESTARTS):
            for server in (own_nats, own_postgres):
                wait_for_more(nats)
                server.kill()
                server.start()
        wait_for_more(nats)
        platform.end()
        assert_the_feed_is_true(nats, own_postgres.dsn)


def test_what_is_told_is_on_disk_also_where_no_commit_waits_for_that(
    own_postgres: PostgresServer,
) -> None:
    dsn = own_postgres.dsn
    settings = DatabaseSettings(dsn=SecretStr(dsn))
    migrate(settings, DIMENSION)
    furnish(dsn)
    told: list[TagChange] = []
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(
            "insert into face_matches (photo_face_id, user_id, confidence) "
            "select f.id, (select id from users limit 1), 0.5 from photo_faces as f"
        )
        name = owner.info.dbname
        owner.execute(f"alter database {name} set synchronous_commit = off".encode())
        owner.execute("alter system set wal_writer_delay = '10s'")
        owner.execute("select pg_reload_conf()")
        owner.execute("checkpoint")
    with closing(Database(settings)) as database, psycopg.connect(dsn, autocommit=True) as platform:
        outbox = Outbox(database)
        while outbox.wave(told.extend):
            pass
        for index in range(3):
            platform.execute("delete from face_matches where on_face_index = %s", [index])
        outbox.wave(told.extend)
        own_postgres.kill()
    own_postgres.start()
    assert {change.face_index for change in told if change.change is Change.LOST} == {0, 1, 2}
    assert replayed(told) == tags_now(dsn)


def test_without_a_feed_the_outbox_is_emptied_and_nobody_is_told(
    letters: Letters, tables: DatabaseSettings
) -> None:
    quiet = letters.settings.model_copy(update={"tags": False})
    platform = Platform(dsn_of(tables))
    with relaying(quiet, tables):
        eventually(lambda: platform.changes > 100, "enough has changed")
        platform.end()
        eventually(lambda: untold(dsn_of(tables)) == 0, "the outbox is emptied")
    assert feed_messages(letters.settings) == []


def test_a_worker_tells_what_its_jobs_found_and_what_changed_later(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    dsn = dsn_of(world.settings.database)
    early, late = ENROLLED[0], ENROLLED[1]
    users = world.enrol(early)
    photos = [world.photo(jpeg(person.portrait())) for person in (early, late)]
    worker = run_worker(MATCH__MAX_DISTANCE="0.4")
    log.wait_settled(world.publish(*(photo.job() for photo in photos)))
    users |= world.enrol(late)
    eventually(lambda: told_so_far(world.settings.nats) == 2, "both are told")
    with world.database() as connection:
        connection.execute("delete from users where id = %s", [users[early.name]])
    told = assert_the_feed_is_true(world.settings.nats, dsn)
    worker.stop()

    assert [(c.photo_id, c.change, c.user_id, c.cause) for c in told] == [
        (photos[0].id, Change.GAINED, users[early.name], Cause.JOB),
        (photos[1].id, Change.GAINED, users[late.name], Cause.REMATCH),
        (photos[0].id, Change.LOST, None, Cause.PLATFORM),
    ]


def test_the_last_jobs_of_a_worker_that_ends_are_told(
    make_world: MakeWorld, run_worker: RunWorker, log: Log
) -> None:
    world = make_world(NATS__ACK_WAIT_S="300")
    world.enrol(ENROLLED[0])
    photos = world.photos(jpeg(ENROLLED[0].portrait()), 3)
    worker = run_worker()
    with world.locked(photos[0]):
        sequences = world.publish(*(photo.job() for photo in photos))
        eventually(world.someone_waits_for_a_lock, "the worker writes")
        worker.tell()
        log.wait(lambda: log.events("draining"))
    assert worker.ended() == 0

    assert log.events("drained")
    assert len(log.settled) >= 1
    assert len(log.settled) <= len(sequences)
    dsn = dsn_of(world.settings.database)
    assert untold(dsn) == 0
    changes = feed(world.settings.nats)
    assert_in_order(changes)
    assert replayed(changes) == tags_now(dsn)
    assert len(changes) >= 1


def test_a_worker_says_once_that_it_cannot_tell_and_goes_on_with_its_jobs(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    nats = world.settings.nats

    async def limit(js: JetStreamContext, max_msg_size: int) -> None:
        config = (await js.stream_info(nats.tags_stream)).config
        config.max_msg_size = max_msg_size
        await js.update_stream(config)

    world.enrol(ENROLLED[0])
    world.with_jetstream(partial(limit, max_msg_size=10))
    worker = run_worker()
    image = jpeg(ENROLLED[0].portrait())
    log.wait_settled(world.publish(world.photo(image).job()))
    log.wait(lambda: log.events("tags_untold"))
    log.wait_settled(world.publish(world.photo(image).job()))
    assert untold(dsn_of(world.settings.database)) == 2
    world.with_jetstream(partial(limit, max_msg_size=-1))
    log.wait(lambda: log.events("tags_told_again"))
    assert_the_feed_is_true(nats, dsn_of(world.settings.database))
    worker.stop()
    assert len(log.events("tags_untold")) == 1
    assert "max" in log.events("tags_untold")[0]["error"]
