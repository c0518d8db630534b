"""Whatever way a change comes, it asks for faces to be matched again; other changes do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from connectors.postgres.setup import migrate as migrating
from connectors.postgres.setup.migrate import migrate, migrations
from connectors.postgres.tags.rematching import Rematching
from dataflow.settings import DatabaseSettings
from tests.builders import DIMENSION, photo, user
from tests.fixtures.recording import MODEL, Records, connected, direction, face
from tests.fixtures.rematching import NEAR, settle

VECTOR = str(direction(30).tolist())


def asked(records: Records) -> list[tuple[Any, ...]]:
    """What was asked for since the last time, in the order in which it was."""
    rows = records.run("select * from face_rematches order by id")
    records.run("truncate face_rematches")
    return [(row["user_id"], row["photo_id"], row["model"]) for row in rows]


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("update users set face_embedding = '{vector}' where id = '{one}'", [1]),
        ("update users set face_embedding = null where id = '{one}'", [1]),
        ("update users set face_embedding_model = 'other' where id = '{one}'", [1]),
        ("update users set face_embedding = '{vector}'", [1, 2, 3]),
        ("delete from users where id = '{one}'", [1]),
        ("delete from users where face_embedding is null", []),
        ("update users set created_at = now()", []),
        ("update users set face_enrolled_at = now()", []),
        ("update users set face_embedding = face_embedding", []),
        ("insert into users (id) values ('{four}')", []),
        ("insert into users (id, face_embedding) values ('{four}', '{vector}')", [4]),
    ],
)
def test_what_the_platform_writes_to_its_users_is_looked_at_if_it_is_about_faces(
    records: Records, statement: str, wanted: Sequence[int]
) -> None:
    records.add_user(1, 0)
    records.add_user(2, 90)
    records.run("insert into users (id) values (%s)", user(3))
    asked(records)

    records.run(statement.format(vector=VECTOR, one=user(1), four=user(4)))

    assert {row[0] for row in asked(records)} == {user(number) for number in wanted}


def test_a_copy_of_many_users_asks_for_each(records: Records) -> None:
    rows = "\n".join(f"{user(number)}\t{VECTOR}\t{MODEL}" for number in range(1, 21))
    dsn = records.settings.dsn.get_secret_value()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        into = "copy users (id, face_embedding, face_embedding_model) from stdin"
        with cursor.copy(into) as copy:
            copy.write(rows + "\n")
    assert {row[0] for row in asked(records)} == {user(number) for number in range(1, 21)}


def test_what_is_rolled_back_asks_for_nothing(records: Records) -> None:
    records.run("begin")
    records.add_user(1, 0)
    records.run("rollback")
    assert asked(records) == []


def test_limits_are_asked_about_when_they_are_new_or_others(records: Records) -> None:
    note = (
        "insert into face_match_limits (model, threshold, max_distance, version) "
        "values (%s, 0.4, %s, 'x') on conflict (model) do update "
        "set max_distance = excluded.max_distance, noted_at = now()"
    )
    of_all = [(None, None, MODEL)]
    expected = [(0.5, of_all), (0.5, []), (0.4, of_all), (None, of_all), (None, []), (0.4, of_all)]
    for limit, wanted in expected:
        records.run(note, MODEL, limit)
        assert asked(records) == wanted


def test_all_users_gone_at_once_leave_no_tag(records: Records, rematching: Rematching) -> None:
    records.add_photos(1, 2)
    records.add_user(1, 0)
    records.recorder(NEAR).record([face(1, 0), face(2, 90)])
    settle(rematching)

    records.run("truncate users cascade")

    assert asked(records) == [(None, None, MODEL)]
    assert records.matches() == {}


def test_an_upgrade_asks_once_for_all_faces_of_the_users_contract(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(dsn=SecretStr(database_dsn))
    before = [path for path in migrations() if path.name < "0007"]
    with monkeypatch.context() as patched:
        patched.setattr(migrating, "migrations", lambda: before)
        migrate(settings, DIMENSION)
    with connected(settings) as records:
        records.add_photos(1, 2)
        records.add_user(1, 0)
        insert = (
            "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
            "values (%s, 0, %s, '{}', %s, 0.9)"
        )
        records.run(insert, photo(1), VECTOR, MODEL)
        records.run(insert, photo(2), VECTOR, "another")

        migrate(settings, DIMENSION)
        assert asked(records) == [(None, None, MODEL)]

        (path,) = [path for path in migrations() if path.name.startswith("0007")]
        records.run(path.read_text(encoding="utf-8").replace("%", "%%"))
        assert asked(records) == []
