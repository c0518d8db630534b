"""A job that is under way when its person withdraws brings nobody back, however they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.photos.erasure import erase
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.session import Connection
from dataflow.gallery.enrolment import Enrolment, Portrait, Status
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from tests.builders import photo, user
from tests.fixtures.logins import login_with
from tests.fixtures.recording import MODEL, Records, direction, face
from tests.world import eventually

Withdraw = Callable[[Connection], object]


def by_command(connection: Connection) -> None:
    erase(connection, "user", user(1), row=False, dry_run=False, by="Olga")


def by_command_with_the_row(connection: Connection) -> None:
    erase(connection, "user", user(1), row=True, dry_run=False)


def by_the_platform(connection: Connection) -> None:
    connection.execute("delete from users where id = %s", [user(1)])


WAYS = [by_command, by_command_with_the_row, by_the_platform]


@pytest.fixture(params=["by their vector", "by a word"])
def crowd(records: Records, request: pytest.FixtureRequest) -> Records:
    """User 1 is on photo 1, by a vector or because somebody has said so; user 2 is beside them."""
    records.add_photos(1)
    records.add_user(2, 20)
    if request.param == "by their vector":
        records.add_user(1, 0)
        return records
    records.run("insert into users (id) values (%s)", user(1))
    records.run(
        "insert into face_match_decisions (photo_id, user_id, decision) "
        "values (%s, %s, 'confirmed')",
        photo(1),
        user(1),
    )
    return records


@pytest.fixture
def connection(records: Records) -> Iterator[Connection]:
    with closing(Database(records.settings)) as database, database.connection() as connection:
        yield connection


def assert_gone(records: Records, settled: Settled) -> None:
    assert (settled.reason, settled.match) == (Reason.WITHDRAWN, None)
    assert records.faces() == []
    assert records.reasons() == {photo(1): "withdrawn"}
    (row,) = records.run("table face_withdrawn_photos")
    assert (row["photo_id"], row["user_id"]) == (photo(1), user(1))
    (row,) = records.run("table face_withdrawals")
    assert row["user_id"] == user(1)


@pytest.mark.parametrize("withdraw", WAYS)
def test_between_its_search_and_its_write(
    crowd: Records, connection: Connection, withdraw: Withdraw
) -> None:
    class Late(Recorder):
        def _write(self, *arguments: Any) -> Any:  # noqa: ANN401 - passed on
            withdraw(connection)
            return super()._write(*arguments)

    (settled,) = crowd.recorder(kind=Late).record([face(1)])

    assert_gone(crowd, settled)


@pytest.mark.parametrize("withdraw", WAYS)
def test_while_it_waits_for_the_users_row(
    crowd: Records, connection: Connection, withdraw: Withdraw
) -> None:
    recorder = crowd.recorder()
    query = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            withdraw(connection)
            job = pool.submit(recorder.record, [face(1)])
            eventually(lambda: bool(crowd.run(query)), "the job waits for the user")
        (settled,) = job.result()
        pool.submit(recorder.database.close).result()

    assert_gone(crowd, settled)


@pytest.mark.parametrize("withdraw", WAYS)
def test_before_its_search(crowd: Records, connection: Connection, withdraw: Withdraw) -> None:
    crowd.recorder().record([face(1)])
    withdraw(connection)

    (settled,) = crowd.recorder().record([face(1, seq=2)])

    assert_gone(crowd, settled)


def test_a_photo_is_withheld_for_those_alone_who_have_withdrawn(
    records: Records, connection: Connection
) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    records.recorder().record([face(1)])
    by_command(connection)
    records.add_user(2, 0)

    (settled,) = records.recorder().record([face(1, seq=2)])

    assert settled.reason is Reason.WITHDRAWN
    assert [row["user_id"] for row in records.run("table face_withdrawn_photos")] == [user(1)]


def test_an_enroller_refuses_whoever_has_withdrawn_until_they_have_agreed_again(
    records: Records, connection: Connection
) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    records.recorder().record([face(1)])
    by_command(connection)
    portrait = Portrait("/photos/1.jpg", "0123", direction(0), None)
    batch = [
        Enrolment(user(n), Status.ENROLLED, direction(0), [portrait], fingerprint="f", consent="v2")
        for n in (1, 3)
    ]
    with (
        login_with("soloface_enroller", records.settings) as enroller,
        closing(Database(enroller)) as database,
    ):
        register = EnrolmentRegister(database, MODEL)
        assert register.withdrawn([user(1), user(3)]) == {user(1)}
        assert [e.status for e in register.save(batch)] == [Status.WITHDRAWN, Status.ENROLLED]
        again = EnrolmentRegister(database, MODEL, again=True)
        assert again.withdrawn([user(1), user(3)]) == set()
        assert [e.status for e in again.save(batch)] == [Status.ENROLLED] * 2

    assert not records.run("table face_withdrawals")
    assert not records.run("table face_withdrawn_photos")
    (settled,) = records.recorder().record([face(1, seq=2)])
    assert settled.match
    assert settled.match.user_id in {user(1), user(3)}


def test_an_enrolment_that_waits_for_an_erasure_is_refused(
    records: Records, connection: Connection
) -> None:
    records.add_user(1, 0)
    portrait = Portrait("/photos/1.jpg", "0123", direction(0), None)
    enrolment = Enrolment(user(1), Status.ENROLLED, direction(0), [portrait], fingerprint="f")
    query = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
    forgotten: list[str] = []
    with closing(Database(records.settings)) as database, ThreadPoolExecutor(1) as pool:
        register = EnrolmentRegister(database, MODEL, forget=forgotten.extend)
        with connection.transaction():
            by_command(connection)
            saved = pool.submit(register.save, [enrolment])
            eventually(lambda: bool(records.run(query)), "the enrolment waits")
        assert [e.status for e in saved.result()] == [Status.WITHDRAWN]
        pool.submit(database.close).result()

    # What was kept for it in the store goes too.
    assert forgotten == ["/photos/1.jpg"]
    assert not records.run("select from users where face_embedding is not null")


def test_consent_is_kept_with_its_time_until_something_else_is_said(records: Records) -> None:
    portrait = Portrait("/photos/1.jpg", "0123", direction(0), None)

    def save(consent: str | None) -> Any:  # noqa: ANN401 - a row
        item = Enrolment(
            user(1), Status.ENROLLED, direction(0), [portrait], fingerprint="f", consent=consent
        )
        with closing(Database(records.settings)) as database:
            EnrolmentRegister(database, MODEL).save([item])
        (row,) = records.run("select consent, consented_at from face_enrolments")
        return row

    assert save(None) == {"consent": None, "consented_at": None}
    first = save("v1")
    assert first["consent"] == "v1"
    assert save(None) == first
    assert save("v2")["consented_at"] > first["consented_at"]
    with closing(Database(records.settings)) as database:
        EnrolmentRegister(database, MODEL).agreed({user(1): "v3", user(9): "v3"})
    (row,) = records.run("select consent from face_enrolments")
    assert row["consent"] == "v3"
