"""The database roles: each login may do its part of the work and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.photos.limits import Limits
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.photos.registry import PostgresPhotos
from connectors.postgres.setup.migrate import migrate, pending
from dataflow.gallery.enrolment import Enrolment, Portrait, Status
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.process.version import VERSION
from dataflow.settings import DatabaseSettings
from dataflow.steps.matching import MatchPolicy
from tests.builders import DIMENSION, FakePack, photo, request, user
from tests.fixtures.logins import as_login, login_with, refused
from tests.fixtures.recording import MODEL, ONCE, Records, direction, face

ROLES = ("soloface_worker", "soloface_enroller", "soloface_auditor")
SUPERUSERS_FILE = "0002_roles.sql"
MakeLogin = Callable[[str], DatabaseSettings]


@pytest.fixture
def login(records: Records) -> Iterator[MakeLogin]:
    """Make logins that have one role and nothing more."""
    with ExitStack() as cleanup:
        yield lambda role: cleanup.enter_context(login_with(role, records.settings))


@pytest.fixture
def worker(records: Records, login: MakeLogin) -> Records:
    """Recorders that write as the worker's login, with the platform's eyes on what they wrote."""
    return replace(records, settings=login("soloface_worker"))


def test_the_worker_can_record_every_kind_of_outcome(worker: Records) -> None:
    worker.add_photos(1, 2, 3, 4)
    worker.add_user(1, degrees=0)
    worker.add_user(2, degrees=90)
    recorder = worker.recorder(max_distance=0.1)

    missing = request(4)
    settled = [
        *recorder.record([face(1), face(2, degrees=45), face(3, seq=30)]),
        *recorder.record([face(1, seq=11), face(3, seq=31, duplicate_of=30)]),
        *recorder.record([face(3, seq=30)]),
        *recorder.record(
            [Settled(missing.delivery, missing.job, Reason.IMAGE_NOT_FOUND, "no such object")]
        ),
    ]

    assert sorted(str(item.reason) for item in settled) == [
        "already_matched",
        "duplicate_in_flight",
        "image_not_found",
        *("matched", "matched", "matched"),
        "no_user_within_distance",
    ]
    assert worker.matches() == {photo(1): user(1), photo(3): user(1)}
    assert worker.reasons()[photo(4)] == "image_not_found"


def test_the_worker_can_look_up_photos_and_examine_the_gallery(worker: Records) -> None:
    worker.add_photos(1)
    worker.add_user(1, degrees=0, model=FakePack.contract.id)
    with closing(Database(worker.settings)) as database:
        states = PostgresPhotos(database, ONCE).states([photo(1), photo(2)])
        gallery = Gallery(database)
        gallery.require_schema(FakePack.contract)
        gallery.require_comparable(FakePack.contract)
        with database.connection() as connection:
            assert pending(connection) == []

    assert (states[photo(1)].exists, states[photo(2)].exists) == (True, False)


def test_the_worker_notes_its_limits_and_learns_those_before(worker: Records) -> None:
    first, second = MatchPolicy(0.4, max_distance=0.5), MatchPolicy(0.4, min_margin=0.1)
    with closing(Database(worker.settings)) as database:
        limits = Limits(database)
        assert limits.note(MODEL, first) is None
        for policy in (first, second):
            past = limits.note(MODEL, policy)
            assert past
            assert past.policy == first
        noted = limits.noted()

    assert noted
    assert (noted.model, noted.policy, noted.version) == (MODEL, second, VERSION)


def test_a_user_who_is_enrolled_no_more_while_matched_is_no_matter_for_the_workers_rights(
    worker: Records,
) -> None:
    worker.add_photos(1)
    worker.add_user(1, degrees=0)
    worker.add_user(2, degrees=5)

    class Late(Recorder):
        def _write(self, *arguments: Any) -> Any:  # noqa: ANN401 - passed on
            worker.run("update users set face_embedding = null where id = %s", user(1))
            return super()._write(*arguments)

    assert worker.recorder(kind=Late).record([face(1)])[0].reason is Reason.MATCHED
    assert worker.matches() == {photo(1): user(2)}


@pytest.mark.parametrize(
    "statement",
    [
        "delete from users",
        "delete from photos",
        "delete from photo_faces",
        "delete from face_match_outcomes",
        "delete from face_withdrawals",
        "delete from face_withdrawn_photos",
        "insert into users (id) values (gen_random_uuid())",
        "insert into photos (id) values (gen_random_uuid())",
        "update users set face_embedding = null",
        "update users set face_embedding_model = null",
        "update users set id = gen_random_uuid()",
        "delete from face_match_decisions",
        "table face_enrolments",
        "table user_embeddings",
        "truncate photo_faces",
        "drop table photo_faces",
        "alter table users add column mine text",
        "create table mine (id int)",
        "create role mine",
        "select created_at from users",
        "select created_at from photos",
        "table soloface_migrations",
        "grant soloface_enroller to current_user",
        "copy users (id) to program 'true'",
    ],
)
def test_the_worker_is_refused_everything_else(login: MakeLogin, statement: str) -> None:
    refused(login("soloface_worker"), statement)


def test_an_enroller_can_enrol_old_and_new_users(records: Records, login: MakeLogin) -> None:
    records.run("insert into users (id) values (%s)", user(1))
    with closing(Database(login("soloface_enroller"))) as database:
        gallery = Gallery(database)
        gallery.require_schema(FakePack.contract)
        for number in (1, 2, 2):
            gallery.enrol(user(number), direction(0), FakePack.contract)
        gallery.require_comparable(FakePack.contract)
        register = EnrolmentRegister(database, FakePack.contract.id, "Olga")
        portrait = Portrait("/photos/1.jpg", "0123", direction(0), None)
        batch = [
            Enrolment(user(number), Status.ENROLLED, direction(0), [portrait], fingerprint="f")
            for number in (2, 3)
        ]
        for _ in range(2):
            assert register.save(batch) == batch

        assert register.fingerprints([user(2), user(3)]) == {user(2): "f", user(3): "f"}
        assert len(register.nearest([direction(0)], [frozenset()], 5)[0]) == 3
        assert gallery.sizes() == {FakePack.contract.id: 3}
    (row,) = records.run("select * from face_enrolments where user_id = %s", user(3))
    assert (row["photos"], row["enrolled_by"]) == (1, "Olga")
    assert row["database_role"].startswith("login_")


@pytest.mark.parametrize(
    "statement",
    [
        "delete from users",
        "update users set id = gen_random_uuid()",
        "select created_at from users",
        "table photos",
        "table photo_faces",
        "table face_matches",
        "table face_match_outcomes",
        "table soloface_migrations",
        "drop table users",
        "create table mine (id int)",
    ],
)
def test_an_enroller_is_refused_everything_else(login: MakeLogin, statement: str) -> None:
    refused(login("soloface_enroller"), statement)


def test_an_auditor_sees_who_was_recognised_and_why(records: Records, login: MakeLogin) -> None:
    records.add_photos(1)
    records.add_user(1, degrees=0)
    records.recorder().record([face(1)])

    dsn = login("soloface_auditor").dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            "select o.reason, m.user_id, f.det_score, u.face_embedding_model "
            "from face_match_outcomes o join photos p on p.id = o.photo_id "
            "join photo_faces f on f.photo_id = p.id "
            "join face_matches m on m.photo_face_id = f.id join users u on u.id = m.user_id"
        ).fetchall()

    assert rows == [("matched", user(1), 0.75, MODEL)]


@pytest.mark.parametrize(
    "statement",
    [
        "select face_embedding from users",
        "select embedding from photo_faces",
        "select count(embedding) from photo_faces",
        "select 1 from photo_faces order by embedding <=> embedding",
        "table user_embeddings",
        "table photo_face_embeddings",
        "table users",
        "table photo_faces",
        "delete from face_match_outcomes",
        "update face_matches set confidence = 0",
        "insert into face_matches (photo_face_id) values (gen_random_uuid())",
        "select from photos for update",
    ],
)
def test_an_auditor_sees_no_vector_and_changes_nothing(login: MakeLogin, statement: str) -> None:
    refused(login("soloface_auditor"), statement)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_itself_cannot_log_in(records: Records, role: str) -> None:
    (row,) = records.run("select rolcanlogin, rolsuper from pg_roles where rolname = %s", role)
    assert not any(row.values())


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server on which no roles were made yet."""
    with PostgresServer() as server:
        yield server


def test_roles_are_made_once_for_all_databases_also_by_migrations_at_once(
    own_server: PostgresServer,
) -> None:
    names = [f"platform_{number}" for number in range(4)]
    with psycopg.connect(own_server.dsn, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    def run(name: str) -> list[str]:
        return migrate(DatabaseSettings(dsn=SecretStr(own_server.dsn_of(name))), DIMENSION)

    with ThreadPoolExecutor(len(names)) as pool:
        assert all(SUPERUSERS_FILE in applied for applied in pool.map(run, names))

    for name in names:
        with psycopg.connect(own_server.dsn_of(name), autocommit=True) as connection:
            for role in ROLES:
                row = connection.execute(
                    "select has_any_column_privilege(%s, 'users', 'select')", [role]
                ).fetchone()
                assert row == (True,)


def test_who_may_not_create_roles_can_migrate_and_is_told(own_server: PostgresServer) -> None:
    with psycopg.connect(own_server.dsn, autocommit=True) as connection:
        connection.execute("create extension vector")
        connection.execute("create role migrator login password 'pw'")
        connection.execute("grant create on schema public to migrator")
    settings = as_login(own_server.dsn, "migrator")
    warnings: list[str] = []

    assert SUPERUSERS_FILE in migrate(settings, DIMENSION, warnings.append)

    warning = warnings[0]
    for word in ("migrator may not create roles", *ROLES, SUPERUSERS_FILE, "superuser"):
        assert word in warning
    assert migrate(settings, DIMENSION, warnings.append) == []
