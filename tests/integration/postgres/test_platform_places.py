"""Where a platform's tables and pgvector are: found, or named; nothing is made in silence."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from psycopg import sql
from pydantic import SecretStr

from connectors.embedded import PostgresServer
from connectors.postgres.session import Connection
from connectors.postgres.setup.migrate import migrate, migrations
from dataflow.settings import DatabaseSettings
from tests.builders import DIMENSION
from tests.fixtures.logins import as_login
from tests.fixtures.platforms import PHOTOS, USERS, refusal, relations, with_path

NAMES = [path.name for path in migrations()]
GRANT_CREATE = "grant create on schema public to {login};"


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            'create table "Users" ("Id" uuid); create table "Photos" ("Id" uuid primary key)',
            ["photos and users are not there", 'public."Photos"', 'public."Users"', "rename"],
        ),
        ("create table photo (id uuid primary key)", ["photos and users", "public.photo"]),
        (USERS + "create table photo (id uuid)", ["but public.photo; rename yours to photos, or"]),
        (
            "create schema app; create table app.users (id uuid); create table app.photos ()",
            ["app.photos", "app.users", "search_path"],
        ),
        ("create table auth_user (id uuid primary key)", ["public.auth_user"]),
        (
            "create table orders (id int)",
            ["but other tables are", "public.orders", "right database"],
        ),
        (USERS, ["photos is not there", "public.users"]),
        (PHOTOS, ["users is not there", "public.photos"]),
    ],
)
def test_nothing_is_made_beside_somebodys_tables_until_that_is_asked_for(
    bare: DatabaseSettings, platform: Connection, tables: str, words: list[str]
) -> None:
    platform.execute(tables.encode())
    before = relations(platform)

    message = refusal(bare, platform)

    wanted = [*words, "soloface migrate --create", "made there, empty"]
    assert [word for word in wanted if word not in message] == []
    told: list[str] = []
    assert migrate(bare, DIMENSION, told.append, create=True) == NAMES
    assert any("will be made in the schema public, empty" in line for line in told)
    after = relations(platform)
    assert after >= before | {"public.photos", "public.users"}
    assert migrate(bare, DIMENSION) == []


@pytest.mark.parametrize("tables", ["photos users", "photos", "users"])
def test_tables_further_on_in_the_search_path_are_not_shadowed(
    bare: DatabaseSettings, platform: Connection, tables: str
) -> None:
    platform.execute("create schema a; create schema b")
    for table in ("photos", "users"):
        schema = sql.Identifier("b" if table in tables.split() else "a", table)
        platform.execute(sql.SQL("create table {} (id uuid primary key)").format(schema))

    message = refusal(with_path(bare, "a,b,public"), platform)

    for word in (*(f"b.{table}" for table in tables.split()), "first of search_path", "--create"):
        assert word.replace("first of", "first schema of") in message


def test_an_earlier_migration_further_on_in_the_search_path_is_not_repeated(
    bare: DatabaseSettings, platform: Connection
) -> None:
    migrate(bare, DIMENSION)
    platform.execute("create schema a")

    assert "public.photos and public.users" in refusal(with_path(bare, "a,public"), platform)


def test_a_schema_of_the_platforms_is_extended_where_it_comes_first(
    bare: DatabaseSettings, platform: Connection
) -> None:
    platform.execute("create schema app; create extension vector")
    platform.execute("create table app.users (id uuid primary key)")
    platform.execute("create table app.photos (id uuid primary key)")
    platform.execute("create table public.orders (id int)")

    assert migrate(with_path(bare, "app,public"), DIMENSION) == NAMES

    names = relations(platform)
    assert {"app.photo_faces", "app.soloface_migrations"} <= names
    assert {name for name in names if name.startswith("public.")} == {"public.orders"}


@pytest.mark.parametrize(
    ("setup", "search_path", "words"),
    [
        ("create schema extensions; create extension vector schema extensions", "public",
         ["pgvector is in the schema extensions", "search_path (public)", "public,extensions"]),
        ("create extension vector; create schema app", "app",
         ["pgvector is in the schema public", "search_path (app)", "app,public"]),
        ("", "nowhere", ["no schema of search_path (nowhere)"]),
    ],
)  # fmt: skip
def test_a_search_path_that_leads_nowhere_is_named(
    bare: DatabaseSettings,
    platform: Connection,
    setup: str,
    search_path: str,
    words: list[str],
) -> None:
    platform.execute(setup.encode())
    if "app" in search_path:
        platform.execute("create table app.users (id uuid primary key)")
        platform.execute("create table app.photos (id uuid primary key)")

    message = refusal(with_path(bare, search_path), platform)

    assert [word for word in words if word not in message] == []


def test_a_pgvector_that_is_too_old_is_refused(
    bare: DatabaseSettings, platform: Connection
) -> None:
    platform.execute("create extension vector")
    # This server has one version only; this is what an old one would say of itself.
    platform.execute("update pg_extension set extversion = '0.5.1' where extname = 'vector'")

    message = refusal(bare, platform)

    for word in ("0.5.1", "0.7", "alter extension vector update"):
        assert word in message


@pytest.fixture
def migrator(platform: Connection) -> Iterator[str]:
    """A login that may do nothing yet."""
    name = f"migrator_{uuid4().hex[:12]}"
    role = sql.Identifier(name)
    platform.execute(sql.SQL("create role {} login password 'pw'").format(role))
    yield name
    platform.execute(sql.SQL("drop owned by {} cascade").format(role))
    platform.execute(sql.SQL("drop role {}").format(role))


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ("", ["{login} may not create tables in the schema public", "grant create"]),
        (GRANT_CREATE,
         ["{login} may not install pgvector", "as a superuser", "create extension vector"]),
        ("create extension vector;" + GRANT_CREATE + USERS + PHOTOS,
         ["public.photos belongs to soloface", "grant references, trigger"]),
        ("create extension vector;" + GRANT_CREATE + USERS + PHOTOS
         + "grant references, trigger on photos to {login}",
         ["public.users belongs to soloface", "only its owner"]),
        ("create schema x; create extension vector schema x; " + GRANT_CREATE,
         ["pgvector is in the schema x", "grant usage on schema x"]),
        ("alter role {login} set default_transaction_read_only = on",
         ["read-only", "default_transaction_read_only"]),
    ],
)  # fmt: skip
def test_missing_rights_are_named_with_who_can_grant_them(
    bare: DatabaseSettings,
    platform: Connection,
    migrator: str,
    setup: str,
    words: list[str],
) -> None:
    platform.execute(setup.format(login=migrator).encode())
    login = as_login(bare.dsn.get_secret_value(), migrator)

    message = refusal(login, platform)

    assert [w for w in words if w.format(login=migrator) not in message] == []


def test_a_database_in_sql_ascii_is_refused(
    postgres_server: PostgresServer, platform: Connection
) -> None:
    name = f"ascii_{uuid4().hex[:12]}"
    make = (
        "create database {} encoding 'SQL_ASCII' locale 'C' template template0 locale_provider libc"
    )
    platform.execute(sql.SQL(make).format(sql.Identifier(name)))
    try:
        settings = DatabaseSettings(dsn=SecretStr(postgres_server.dsn_of(name)))
        assert "SQL_ASCII" in refusal(settings, platform)
    finally:
        platform.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


def test_a_server_without_pgvector_is_named(bare: DatabaseSettings, platform: Connection) -> None:
    name = sql.Identifier(platform.info.dbname)
    path = sql.SQL("alter database {} set extension_control_path = '/nowhere'")
    platform.execute(path.format(name))

    assert "pgvector is not available on this server" in refusal(bare, platform)
