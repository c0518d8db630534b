"""`soloface doctor`, and the worker's start, wherever a database keeps a worker from working."""

from __future__ import annotations

import pytest
from psycopg import sql

from connectors.embedded import PostgresServer
from dataflow.settings import PREFIX
from tests.fixtures.examined import Found, name_of, run, start_refused
from tests.fixtures.pgbouncer import Pooled
from tests.fixtures.worker import MakeWorld, Soloface
from tests.world import World


@pytest.mark.parametrize("of", ["database {database}", "role {login}"])
def test_a_database_that_is_read_only_is_found(
    world: World, login: str, found: Found, of: str
) -> None:
    whose = of.format(database=name_of(world), login=login)
    run(world, f"alter {whose} set default_transaction_read_only = on")

    assert "the database is read-only" in found()["postgres"]


def test_a_standby_is_found(make_world: MakeWorld, found: Found) -> None:
    with PostgresServer() as server:
        make_world(postgres=server)
        assert found() == {}
        server.stop()
        (server.directory / "data" / "standby.signal").touch()
        server.start()

        assert "this server is a standby" in found()["postgres"]


def test_tables_in_a_schema_off_the_search_path_are_named(world: World, found: Found) -> None:
    run(world, "create schema app; alter table face_match_outcomes set schema app")

    assert "the tables are in the schema app, which is not in search_path" in found()["schema"]


def test_platform_tables_that_are_gone_are_named(world: World, found: Found) -> None:
    run(world, "alter table users rename to people")

    assert "there is no table users" in found()["schema"]


def test_a_column_that_is_gone_is_named(world: World, found: Found) -> None:
    run(world, "alter table face_match_outcomes drop column margin")

    assert "margin does not exist; run: soloface migrate" in found()["rights"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "alter table face_matches disable trigger soloface_tell_lost",
            [
                "the trigger soloface_tell_lost of face_matches is disabled",
                "alter table face_matches enable trigger soloface_tell_lost",
            ],
        ),
        (
            "alter table users enable replica trigger soloface_note_user",
            ["the trigger soloface_note_user of users is disabled"],
        ),
        (
            "drop trigger soloface_note_word on face_match_decisions",
            [
                "the trigger soloface_note_word of face_match_decisions is gone",
                "run sql/migrations/0007_tags.sql again",
            ],
        ),
        (
            "alter table photo_faces disable trigger all",
            ["the foreign key photo_faces_photo_id_fkey of photo_faces is not enforced"],
        ),
    ],
)
def test_what_does_not_fire_is_a_warning(
    world: World, soloface: Soloface, statement: str, words: list[str]
) -> None:
    run(world, statement)
    done = soloface("doctor", "--json")
    assert done.code == 0
    warnings = [f["detail"] for f in done.json if f["name"] == "schema" and f["warning"]]
    assert warnings
    for word in [*words, "Writes that fire no triggers"]:
        assert any(word in warning for warning in warnings)


def test_triggers_that_always_fire_are_well(world: World, found: Found, soloface: Soloface) -> None:
    run(world, "alter table face_matches enable always trigger soloface_tell_lost")
    assert found() == {}
    assert not any(f["warning"] for f in soloface("doctor", "--json").json if f["name"] == "schema")


def test_pgvector_off_the_search_path_is_named_and_not_its_length(
    world: World, found: Found
) -> None:
    run(world, "create schema app; alter extension vector set schema app")

    wrong = found()

    for name in ("postgres", "schema", "gallery"):
        assert "pgvector is in the schema app, which is not in search_path" in wrong[name]


def test_vectors_are_compared_by_type_and_not_by_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch, soloface: Soloface
) -> None:
    database = sql.Identifier(name_of(world))
    with world.database() as connection:
        connection.execute("create schema app; alter extension vector set schema app")
        # First a schema with a type of that name, so that ours is never shown without its schema.
        connection.execute("create schema other; create domain other.vector as text")
        path = sql.SQL("alter database {} set search_path = public, app, other")
        connection.execute(path.format(database))
    details = {f["name"]: f["detail"] for f in soloface("doctor", "--json").json}
    assert details["schema"] == "up to date, vectors of 128"
    monkeypatch.setenv(f"{PREFIX}MODEL__PACK", "buffalo_l")

    (schema,) = (f for f in soloface("doctor", "--json").json if f["name"] == "schema")

    assert "is vector(128), but the model pack makes vector(512)" in schema["detail"]


def test_a_worker_behind_a_pooler_is_well_with_the_setting_only(
    world: World, pooled: Pooled, monkeypatch: pytest.MonkeyPatch, soloface: Soloface
) -> None:
    dsn = pooled(world.settings.database.dsn.get_secret_value())
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", dsn)
    done = soloface("doctor", "--json")
    details = {f["name"]: f["detail"] for f in done.json}
    assert done.code == 1
    assert "SOLOFACE_DATABASE__POOLER=transaction" in details["postgres"]
    assert "SOLOFACE_DATABASE__POOLER=transaction" in start_refused()

    monkeypatch.setenv(f"{PREFIX}DATABASE__POOLER", "transaction")

    done = soloface("doctor", "--json")
    details = {f["name"]: f["detail"] for f in done.json}
    assert done.code == 0
    assert details["postgres"].endswith("through a pooler in transaction mode")
    assert start_refused() == ""


def test_a_pooler_that_is_set_and_not_there_is_a_warning(
    world: World, monkeypatch: pytest.MonkeyPatch, soloface: Soloface
) -> None:
    assert world.settings.database.pooler == "none"
    monkeypatch.setenv(f"{PREFIX}DATABASE__POOLER", "transaction")

    done = soloface("doctor", "--json")

    assert done.code == 0
    (warning,) = (f["detail"] for f in done.json if f["warning"] and f["name"] == "postgres")
    assert "no pooler answers" in warning
