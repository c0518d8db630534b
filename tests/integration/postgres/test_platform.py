"""A platform's own tables: `migrate` extends them, or says in one line what must be."""

from __future__ import annotations

from contextlib import closing
from uuid import uuid4

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.session import Connection
from connectors.postgres.setup.migrate import migrate, migrations
from dataflow.settings import DatabaseSettings
from tests.builders import DIMENSION, FakePack
from tests.fixtures.platforms import PHOTOS, USERS, refusal
from tests.fixtures.recording import direction

NAMES = [path.name for path in migrations()]


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
    bare: DatabaseSettings, platform: Connection, tables: str, words: list[str]
) -> None:
    platform.execute(tables.encode())

    message = refusal(bare, platform)

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
    bare: DatabaseSettings, platform: Connection, tables: str
) -> None:
    platform.execute(tables.encode())
    user, photo = uuid4(), uuid4()
    platform.execute("insert into users (id) values (%s)", [user])
    platform.execute("insert into photos (id) values (%s)", [photo])

    assert migrate(bare, DIMENSION) == NAMES

    with closing(Database(bare)) as database:
        Gallery(database).require_schema(FakePack.contract)
        Gallery(database).enrol(user, direction(0), FakePack.contract)
    platform.execute(
        "insert into photo_faces (photo_id, face_index, bbox, model, det_score) "
        "values (%s, 0, '{}', 'm', 1)",
        [photo],
    )
    platform.execute("delete from photos")
    assert platform.execute("select count(*) from photo_faces").fetchone() == (0,)
