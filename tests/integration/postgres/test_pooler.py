"""Behind PgBouncer: the worker's statements keep their limits, or the start is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest
from pydantic import SecretStr

from connectors.postgres.connection import Database, connect
from connectors.postgres.errors import explain
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.index import build
from connectors.postgres.gallery.search import use
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.photos.registry import PostgresPhotos
from connectors.postgres.session import Connection, sent_together
from connectors.postgres.setup.migrate import migrate, migrations
from connectors.postgres.setup.pooler import examine_pooler, require_own_session
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from dataflow.gallery.enrolment import Enrolment, Portrait, Status
from dataflow.gallery.search import Plan
from dataflow.jobs.errors import ConfigurationError, SystemicError, TransientError
from dataflow.settings import DatabaseSettings
from dataflow.steps.matching import MatchPolicy
from tests.builders import DIMENSION, FakePack, photo, user
from tests.fixtures.pgbouncer import POOL, Pooled
from tests.fixtures.recording import ONCE, THRESHOLD, Records, direction, face

LIMITS = "select current_setting('statement_timeout'), current_setting('lock_timeout')"


def through(dsn: str, pooler: str = "transaction", **changes: float) -> DatabaseSettings:
    settings = {"dsn": SecretStr(dsn), "pooler": pooler, **changes}
    return DatabaseSettings.model_validate(settings)


@pytest.fixture
def behind(records: Records, pooled: Pooled) -> Records:
    """Recorders that write through PgBouncer, with the platform's eyes on what they wrote."""
    dsn = pooled(records.settings.dsn.get_secret_value())
    return replace(records, settings=through(dsn))


def test_a_database_is_migrated_through_it(database_dsn: str, pooled: Pooled) -> None:
    settings = through(pooled(database_dsn))

    assert migrate(settings, DIMENSION) == [path.name for path in migrations()]
    assert migrate(settings, DIMENSION) == []


def test_many_record_through_it_at_once_as_they_would_directly(behind: Records) -> None:
    numbers = range(1, 61)
    behind.add_photos(*numbers)
    behind.add_user(1, degrees=0)
    behind.add_user(2, degrees=90)
    threads = 3 * POOL
    ready = threading.Barrier(threads)

    def record(thread: int) -> None:
        recorder = behind.recorder(max_distance=0.1)
        ready.wait()
        with closing(recorder.database):
            for number in numbers[thread::threads]:  # often enough that the driver would prepare
                recorder.record([face(number, degrees=45 if number % 3 == 0 else 0)])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(record, range(threads)))

    assert behind.matches() == {photo(n): user(1) for n in numbers if n % 3}
    assert set(behind.reasons().values()) == {"matched", "no_user_within_distance"}


def test_people_are_enrolled_and_decided_about_through_it(behind: Records) -> None:
    behind.add_photos(1)
    behind.run("insert into users (id) values (%s)", user(1))
    contract = FakePack.contract
    with closing(Database(behind.settings)) as database:
        gallery = Gallery(database)
        gallery.require_schema(contract)
        for number in (1, 2):
            gallery.enrol(user(number), direction(number * 10), contract)
        register = EnrolmentRegister(database, contract.id, "Olga")
        portrait = Portrait("/photos/1.jpg", "0123", direction(0), None)
        batch = [Enrolment(user(3), Status.ENROLLED, direction(90), [portrait], fingerprint="f")]
        for _ in range(8):
            assert register.save(batch) == batch
        assert gallery.sizes() == {contract.id: 3}
        states = PostgresPhotos(database, ONCE).states([photo(1), photo(2)])
        assert [states[photo(n)].exists for n in (1, 2)] == [True, False]
        decisions = Decisions(database, Rules(MatchPolicy(THRESHOLD), contract.id))
        decisions.take(Decision(photo(1), user(1), Word.REJECTED))

    (row,) = behind.run("select decision from face_match_decisions")
    assert row["decision"] == "rejected"


def in_a_transaction(connection: Connection) -> tuple[object, ...] | None:
    with connection.transaction():
        return connection.execute(LIMITS).fetchone()


def sent(connection: Connection) -> tuple[object, ...] | None:
    with sent_together(connection):
        cursor = connection.execute(LIMITS)
    return cursor.fetchone()


@pytest.mark.parametrize("way", [lambda c: c.execute(LIMITS).fetchone(), in_a_transaction, sent])
def test_each_transaction_has_our_limits_and_leaves_none_behind(
    database_dsn: str, pooled: Pooled, way: Callable[[Connection], tuple[object, ...] | None]
) -> None:
    dsn = pooled(database_dsn)
    settings = through(dsn, statement_timeout_s=7)
    with (
        closing(connect(settings, lock_timeout_s=2)) as connection,
        psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as other,
    ):
        for _ in range(2 * POOL):
            assert way(connection) == ("7s", "2s")
            assert other.execute(LIMITS).fetchone() == ("0", "0")


def test_a_statement_that_takes_too_long_is_ended(database_dsn: str, pooled: Pooled) -> None:
    settings = through(pooled(database_dsn), statement_timeout_s=0.2)
    with closing(connect(settings)) as connection:
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(60)")
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_search_path_of_the_dsn_holds_in_each_transaction(
    database_dsn: str, pooled: Pooled
) -> None:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute("create schema app")
        connection.execute("create table app.there (id int)")
    dsn = f"{pooled(database_dsn)}?options=-csearch_path%3Dapp%2Cpublic"

    with closing(connect(through(dsn))) as connection:
        for _ in range(2 * POOL):
            assert connection.execute("select count(*) from there").fetchone() == (0,)


def test_what_a_search_sets_holds_in_each_transaction(database_dsn: str, pooled: Pooled) -> None:
    with closing(connect(through(pooled(database_dsn)))) as connection:
        use(connection, Plan(users=1, breadth=3))
        for _ in range(2 * POOL):
            row = connection.execute(
                "select current_setting('ivfflat.probes'), current_setting('enable_seqscan')"
            ).fetchone()
            assert row == ("3", "off")


def test_an_error_in_a_statement_leaves_the_connection_usable(behind: Records) -> None:
    with closing(Database(behind.settings)) as database:
        for _ in range(3):
            with pytest.raises(TransientError), database.connection() as connection:
                connection.execute(
                    "insert into face_matches (photo_face_id, user_id, confidence) "
                    "values (%s, %s, 0)",
                    [photo(1), user(1)],
                )
            with database.connection() as connection:
                assert connection.execute("select 1").fetchone() == (1,)


def test_building_an_index_is_refused_with_the_way_out(behind: Records) -> None:
    with pytest.raises(ConfigurationError, match="SOLOFACE_DATABASE__POOLER=none"):
        build(behind.settings, 10, DIMENSION, lambda *_: None)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_without_the_setting_it_is_refused_in_one_line_that_names_it(
    database_dsn: str, pooled: Pooled, mode: str
) -> None:
    settings = through(pooled(database_dsn, mode), "none")
    with pytest.raises(psycopg.OperationalError) as failure:
        connect(settings)

    message = str(explain(failure.value))
    assert "SOLOFACE_DATABASE__POOLER=transaction" in message
    assert "\n" not in message
    with pytest.raises(SystemicError, match="POOLER=transaction"), Database(settings).connection():
        pass


@pytest.mark.parametrize(
    ("mode", "words"), [("session", "drops the timeouts"), ("transaction", "transaction mode")]
)
def test_one_that_drops_our_settings_in_silence_is_noticed(
    database_dsn: str, pooled: Pooled, mode: str, words: str
) -> None:
    settings = through(pooled(database_dsn, mode, "ignore_startup_parameters = options"), "none")

    with pytest.raises(ConfigurationError, match=words) as failure:
        examine_pooler(settings)
    assert "SOLOFACE_DATABASE__POOLER=transaction" in str(failure.value)
    with (
        closing(connect(settings)) as connection,
        pytest.raises(ConfigurationError, match="POOLER=transaction"),
    ):
        require_own_session(connection, settings)


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("session", "a pooler that keeps sessions"),
        ("transaction", "a pooler in transaction mode"),
    ],
)
def test_what_kind_of_pooler_it_is_is_found_out(
    database_dsn: str, pooled: Pooled, mode: str, found: str
) -> None:
    settings = through(pooled(database_dsn, mode))

    assert examine_pooler(settings) == found
    with closing(connect(settings)) as connection:
        require_own_session(connection, settings)


def test_without_a_pooler_none_is_found(database_dsn: str) -> None:
    for pooler in ("none", "transaction"):
        assert examine_pooler(through(database_dsn, pooler)) is None


def test_the_direct_way_sends_what_it_sent_before(records: Records) -> None:
    records.add_photos(1)
    records.add_user(1, degrees=0)
    recorder = records.recorder()
    recorder.record([face(1)])

    with recorder.database.connection() as connection:
        assert connection.prepare_threshold == 5
        assert connection.execute(LIMITS).fetchone() == ("30s", "3s")
