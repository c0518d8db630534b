"""What a platform's database really has: `migrate` extends it, or says in one line what must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.gallery import Gallery
from connectors.postgres.migrate import migrate, migrations
from connectors.postgres.session import Connection
from dataflow.jobs.errors import SolofaceError
from dataflow.settings import DatabaseSettings
from tests.builders import FakePack
from tests.fixtures.logins import as_login
from tests.fixtures.recording import direction

DIMENSION = 4
NAMES = [path.name for path in migrations()]
GRANT_CREATE = "grant create on schema public to {login};"
USERS = "create table users (id uuid primary key);"
PHOTOS = "create table photos (id uuid primary key);"
RELATIONS = """
select n.nspname || '.' || c.relname from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^(pg_|information_schema)' order by 1
"""


@pytest.fixture
def settings(database_dsn: str) -> DatabaseSettings:
    return DatabaseSettings(dsn=SecretStr(database_dsn))


@pytest.fixture
def connection(database_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        yield connection


def with_path(settings: DatabaseSettings, search_path: str) -> DatabaseSettings:
    dsn = settings.dsn.get_secret_value()
    options = quote(f"-csearch_path={search_path}")
    return DatabaseSettings(dsn=SecretStr(f"{dsn}?options={options}"))


def refusal(settings: DatabaseSettings, connection: Connection) -> str:
    """The one line with which it is refused; nothing is changed."""
    before = connection.execute(RELATIONS).fetchall()
    with pytest.raises(SolofaceError) as failure:
        migrate(settings, DIMENSION)
    assert connection.execute(RELATIONS).fetchall() == before
    message = str(failure.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            "create table users (id bigint unique); create table photos (id bigint unique)",
            ["photos.id must be uuid", "bigint"],
        ),
        (USERS + "create table photos (id serial primary key)", ["photos.id must be uuid"]),
        (USERS + "create table photos (id text primary key)", ["photos.id must be uuid", "text"]),
        (PHOTOS + "create table users (id int primary key)", ["users.id must be uuid"]),
        (
            PHOTOS + "create domain name as text; create table users (id name primary key)",
            ["users.id must be uuid"],
        ),
        (
            USERS + "create table photos (photo_id uuid primary key)",
            ["no column id", "photos.id must be uuid", "photo_id uuid"],
        ),
        (PHOTOS + "create table users (id uuid)", ["users.id must be unique", "add primary key"]),
        (
            PHOTOS + "create table users (id uuid, tenant int, primary key (tenant, id))",
            ["users.id must be unique"],
        ),
        (
            PHOTOS
            + "create table users (id uuid); create unique index on users (id) where id <> id",
            ["users.id must be unique"],
        ),
        (
            PHOTOS + "create table users (id uuid unique deferrable)",
            ["users.id must be unique"],
        ),
        (
            PHOTOS
            + "create table members (id uuid primary key); create view users as table members",
            ["public.users is a view", "must be a table"],
        ),
        (
            USERS + "create materialized view photos as select gen_random_uuid() as id",
            ["public.photos is a materialized view"],
        ),
        (
            USERS
            + "create foreign data wrapper w; create server s foreign data wrapper w; "
            + "create foreign table photos (id uuid) server s",
            ["public.photos is a foreign table"],
        ),
        (
            USERS
            + "create table photos (id uuid, at date, unique (id, at)) partition by range (at)",
            ["photos is partitioned by RANGE (at)", "primary key (id)"],
        ),
        (
            PHOTOS + "create table users (id uuid primary key) partition by hash (id)",
            ["users is partitioned", "must be one table"],
        ),
        (PHOTOS + "create unlogged table users (id uuid primary key)", ["unlogged", "set logged"]),
        (USERS + "create sequence photos", ["public.photos is a sequence"]),
        (
            PHOTOS + "create table users (id uuid primary key, face_embedding float8[])",
            ["column face_embedding of type double precision[]", "vector", "rename yours"],
        ),
        (
            PHOTOS + "create table users (id uuid primary key, face_enrolled_at date)",
            ["face_enrolled_at of type date"],
        ),
        (
            PHOTOS + USERS + "create table photo_faces (id bigint primary key, x int, y int)",
            ["public.photo_faces is not soloface's", "rename yours"],
        ),
        (
            PHOTOS + USERS + "create table user_embeddings (user_id uuid, model text)",
            ["public.user_embeddings is not soloface's", "no column embedding"],
        ),
        (
            PHOTOS + USERS + "create view face_matches as table users",
            ["public.face_matches is not soloface's", "a view"],
        ),
        (
            PHOTOS + USERS + "create table soloface_migrations (version int)",
            ["public.soloface_migrations is not soloface's"],
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    settings: DatabaseSettings, connection: Connection, tables: str, words: list[str]
) -> None:
    connection.execute(tables.encode())

    message = refusal(settings, connection)

    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    "tables",
    [
        USERS + "create domain uid as uuid; create table photos (id uid primary key)",
        USERS
        + "create domain uid as uuid; create domain pid as uid not null; "
        + "create table photos (id pid unique)",
        USERS + "create table photos (id uuid not null); create unique index on photos (id)",
        PHOTOS + "create table users (id uuid unique, number serial primary key)",
        USERS
        + "create table photos (id uuid primary key) partition by hash (id); "
        + "create table p0 partition of photos for values with (modulus 1, remainder 0)",
        USERS + PHOTOS + "alter table photos enable row level security",
    ],
)
def test_what_fits_is_extended_and_can_be_used(
    settings: DatabaseSettings, connection: Connection, tables: str
) -> None:
    connection.execute(tables.encode())
    user, photo = uuid4(), uuid4()
    connection.execute("insert into users (id) values (%s)", [user])
    connection.execute("insert into photos (id) values (%s)", [photo])

    assert migrate(settings, DIMENSION) == NAMES

    with closing(Database(settings)) as database:
        Gallery(database).require_schema(FakePack.contract)
        Gallery(database).enrol(user, direction(0), FakePack.contract)
    connection.execute(
        "insert into photo_faces (photo_id, face_index, bbox, model, det_score) "
        "values (%s, 0, '{}', 'm', 1)",
        [photo],
    )
    connection.execute("delete from photos")
    assert connection.execute("select count(*) from photo_faces").fetchone() == (0,)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            'create table "Users" ("Id" uuid); create table "Photos" ("Id" uuid primary key)',
            ["photos and users are not there", 'public."Photos"', 'public."Users"', "rename"],
        ),
        ("create table photo (id uuid primary key)", ["photos and users", "public.photo"]),
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
    settings: DatabaseSettings, connection: Connection, tables: str, words: list[str]
) -> None:
    connection.execute(tables.encode())
    before = {relation for (relation,) in connection.execute(RELATIONS)}

    message = refusal(settings, connection)

    wanted = [*words, "soloface migrate --create", "made there, empty"]
    assert [word for word in wanted if word not in message] == []
    told: list[str] = []
    assert migrate(settings, DIMENSION, told.append, create=True) == NAMES
    assert any("will be made in the schema public, empty" in line for line in told)
    after = {relation for (relation,) in connection.execute(RELATIONS)}
    assert after >= before | {"public.photos", "public.users"}
    assert migrate(settings, DIMENSION) == []


@pytest.mark.parametrize("tables", ["photos users", "photos", "users"])
def test_tables_further_on_in_the_search_path_are_not_shadowed(
    settings: DatabaseSettings, connection: Connection, tables: str
) -> None:
    connection.execute("create schema a; create schema b")
    for table in ("photos", "users"):
        schema = sql.Identifier("b" if table in tables.split() else "a", table)
        connection.execute(sql.SQL("create table {} (id uuid primary key)").format(schema))

    message = refusal(with_path(settings, "a,b,public"), connection)

    for word in (*(f"b.{table}" for table in tables.split()), "first of search_path", "--create"):
        assert word.replace("first of", "first schema of") in message


def test_an_earlier_migration_further_on_in_the_search_path_is_not_repeated(
    settings: DatabaseSettings, connection: Connection
) -> None:
    migrate(settings, DIMENSION)
    connection.execute("create schema a")

    assert "public.photos and public.users" in refusal(with_path(settings, "a,public"), connection)


def test_a_schema_of_the_platforms_is_extended_where_it_comes_first(
    settings: DatabaseSettings, connection: Connection
) -> None:
    connection.execute("create schema app; create extension vector")
    connection.execute("create table app.users (id uuid primary key)")
    connection.execute("create table app.photos (id uuid primary key)")
    connection.execute("create table public.orders (id int)")

    assert migrate(with_path(settings, "app,public"), DIMENSION) == NAMES

    names = {relation for (relation,) in connection.execute(RELATIONS)}
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
    settings: DatabaseSettings,
    connection: Connection,
    setup: str,
    search_path: str,
    words: list[str],
) -> None:
    connection.execute(setup.encode())
    if "app" in search_path:
        connection.execute("create table app.users (id uuid primary key)")
        connection.execute("create table app.photos (id uuid primary key)")

    message = refusal(with_path(settings, search_path), connection)

    assert [word for word in words if word not in message] == []


def test_a_pgvector_that_is_too_old_is_refused(
    settings: DatabaseSettings, connection: Connection
) -> None:
    connection.execute("create extension vector")
    # This server has one version only; this is what an old one would say of itself.
    connection.execute("update pg_extension set extversion = '0.5.1' where extname = 'vector'")

    message = refusal(settings, connection)

    for word in ("0.5.1", "0.7", "alter extension vector update"):
        assert word in message


@pytest.fixture
def migrator(connection: Connection) -> Iterator[str]:
    """A login that may do nothing yet."""
    name = f"migrator_{uuid4().hex[:12]}"
    role = sql.Identifier(name)
    connection.execute(sql.SQL("create role {} login password 'pw'").format(role))
    yield name
    connection.execute(sql.SQL("drop owned by {} cascade").format(role))
    connection.execute(sql.SQL("drop role {}").format(role))


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ("", ["{login} may not create tables in the schema public", "grant create"]),
        (GRANT_CREATE,
         ["{login} may not install pgvector", "as a superuser", "create extension vector"]),
        ("create extension vector;" + GRANT_CREATE + USERS + PHOTOS,
         ["public.photos belongs to soloface", "grant references"]),
        ("create extension vector;" + GRANT_CREATE + USERS + PHOTOS
         + "grant references on photos to {login}",
         ["public.users belongs to soloface", "only its owner"]),
        ("create schema x; create extension vector schema x; " + GRANT_CREATE,
         ["pgvector is in the schema x", "grant usage on schema x"]),
        ("alter role {login} set default_transaction_read_only = on",
         ["read-only", "default_transaction_read_only"]),
    ],
)  # fmt: skip
def test_missing_rights_are_named_with_who_can_grant_them(
    settings: DatabaseSettings,
    connection: Connection,
    migrator: str,
    setup: str,
    words: list[str],
) -> None:
    connection.execute(setup.format(login=migrator).encode())
    login = as_login(settings.dsn.get_secret_value(), migrator)

    message = refusal(login, connection)

    assert [w for w in words if w.format(login=migrator) not in message] == []


def test_a_database_in_sql_ascii_is_refused(
    postgres_server: PostgresServer, connection: Connection
) -> None:
    name = f"ascii_{uuid4().hex[:12]}"
    make = (
        "create database {} encoding 'SQL_ASCII' locale 'C' template template0 locale_provider libc"
    )
    connection.execute(sql.SQL(make).format(sql.Identifier(name)))
    try:
        settings = DatabaseSettings(dsn=SecretStr(postgres_server.dsn_of(name)))
        assert "SQL_ASCII" in refusal(settings, connection)
    finally:
        connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


def test_a_server_without_pgvector_is_named(
    settings: DatabaseSettings, connection: Connection
) -> None:
    name = sql.Identifier(connection.info.dbname)
    path = sql.SQL("alter database {} set extension_control_path = '/nowhere'")
    connection.execute(path.format(name))

    assert "pgvector is not available on this server" in refusal(settings, connection)
