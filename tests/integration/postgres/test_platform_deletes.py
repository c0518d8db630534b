"""What the platform deletes by itself leaves no vector and no outcome that says `matched`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from connectors.postgres.setup.migrate import migrate
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from tests.builders import DIMENSION, photo, request, user
from tests.fixtures.logins import as_login
from tests.fixtures.recording import Records, face

VECTORS = """
select 'users' as place, id from users where face_embedding is not null
union all select 'photo_faces', photo_id from photo_faces
union all select 'user_embeddings', user_id from user_embeddings
union all select 'photo_face_embeddings', photo_faces.photo_id
    from photo_face_embeddings join photo_faces on photo_faces.id = photo_face_id
order by place, id
"""
NAMING_A_USER = ("face_matches", "face_match_decisions", "face_enrolments", "face_enrolment_photos")

Run = Callable[..., object]


@pytest.fixture
def platform(records: Records) -> Iterator[Run]:
    """Runs statements as the platform's own login, which has rights to its own tables only."""
    dsn = records.settings.dsn.get_secret_value()
    name = sql.Identifier(login := f"platform_{secrets.token_hex(6)}")
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(sql.SQL("create role {} login password 'pw'").format(name))
        try:
            owner.execute(sql.SQL("grant select, delete on users, photos to {}").format(name))
            plain = as_login(dsn, login).dsn.get_secret_value()
            with psycopg.connect(plain, autocommit=True) as connection:
                yield lambda statement, *values: connection.execute(statement.encode(), values)
        finally:
            owner.execute(sql.SQL("drop owned by {}").format(name))
            owner.execute(sql.SQL("drop role {}").format(name))


@pytest.fixture
def past(records: Records) -> Records:
    """Users 1 and 2, enrolled by photos; photo 1 shows user 1, photo 2 user 2."""
    records.add_photos(1, 2)
    for number, degrees in ((1, 0), (2, 90)):
        records.add_user(number, degrees)
        for statement in (
            (
                "insert into face_enrolments (user_id, model, photos, fingerprint) "
                "values (%s, 'm', 1, 'f')"
            ),
            "insert into face_enrolment_photos (user_id, sha256, ref) values (%s, 'a', 'b')",
            (
                "insert into user_embeddings (user_id, model, embedding) "
                "select id, 'old', face_embedding from users where id = %s"
            ),
        ):
            records.run(statement, user(number))
    settled = records.recorder().record([face(1, 0), face(2, 90)])
    assert {item.reason for item in settled} == {Reason.MATCHED}
    records.run(
        "insert into photo_face_embeddings (photo_face_id, model, embedding) "
        "select id, 'old', embedding from photo_faces"
    )
    for number in (1, 2):
        records.run(
            "insert into face_match_decisions (photo_id, user_id, decision) "
            "values (%s, %s, 'confirmed')",
            photo(number),
            user(number),
        )
    return records


def users_named(records: Records) -> set[object]:
    """The users of whom any row is left, but for their own."""
    named = {row["user_id"] for t in NAMING_A_USER for row in records.run(f"table {t}")}
    return named | {row["user_id"] for row in records.run("table face_match_outcomes")}


def withdrawals(records: Records) -> dict[object, set[object]]:
    """Who has withdrawn, with the photos that showed them."""
    found: dict[object, set[object]] = {
        row["user_id"]: set() for row in records.run("table face_withdrawals")
    }
    for row in records.run("table face_withdrawn_photos"):
        found[row["user_id"]].add(row["photo_id"])
    return found


def places(records: Records, *ids: object) -> list[str]:
    """Where a vector of these users or photos is kept."""
    return [row["place"] for row in records.run(VECTORS) if row["id"] in ids]


def test_nothing_is_left_of_a_user_whom_the_platform_deletes(past: Records, platform: Run) -> None:
    kept = places(past, user(2), photo(2))

    platform("delete from users where id = %s", user(1))

    assert users_named(past) == {user(2)}
    assert places(past, user(1), photo(1)) == []
    assert places(past, user(2), photo(2)) == kept
    # The photo is the platform's still, and no job of it brings the face back.
    assert past.reasons() == {photo(2): Reason.MATCHED}
    assert withdrawals(past) == {user(1): {photo(1)}}
    (again,) = past.recorder().record([face(1, 0, seq=99)])
    assert again.reason is Reason.WITHDRAWN
    assert places(past, photo(1)) == []


def test_nothing_is_left_of_a_photo_that_the_platform_deletes(past: Records, platform: Run) -> None:
    kept = places(past, user(1), user(2), photo(2))

    platform("delete from photos where id = %s", photo(1))

    assert past.reasons() == {photo(2): Reason.MATCHED}
    assert places(past, user(1), user(2), photo(2)) == kept
    assert places(past, photo(1)) == []
    assert {row["photo_id"] for row in past.run("table face_match_decisions")} == {photo(2)}
    assert withdrawals(past) == {}


def test_a_withdrawal_forgets_a_photo_that_the_platform_deletes(
    past: Records, platform: Run
) -> None:
    platform("delete from users")
    platform("delete from photos where id = %s", photo(1))
    assert withdrawals(past) == {user(1): set(), user(2): {photo(2)}}

    past.run("truncate photos cascade")
    assert withdrawals(past) == {user(1): set(), user(2): set()}


def test_whom_only_a_word_named_has_withdrawn_too(records: Records, platform: Run) -> None:
    records.add_photos(1, 2)
    records.run("insert into users (id) values (%s), (%s)", user(1), user(2))
    for number, word in ((1, "confirmed"), (2, "rejected")):
        records.run(
            "insert into face_match_decisions (photo_id, user_id, decision) values (%s, %s, %s)",
            photo(number),
            user(number),
            word,
        )

    platform("delete from users")

    assert withdrawals(records) == {user(1): {photo(1)}}


def test_the_same_face_under_another_number_goes_too(past: Records, platform: Run) -> None:
    past.run(
        "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
        "select photo_id, 7, embedding, bbox, model, det_score from photo_faces"
    )

    platform("delete from users where id = %s", user(1))

    assert [row["photo_id"] for row in past.faces()] == [photo(2), photo(2)]


@pytest.mark.parametrize(
    "statement",
    [
        "update users set face_embedding = (select embedding from photo_faces limit 1)",
        (
            "insert into face_match_decisions (photo_id, user_id, decision) "
            "select id, (select id from users), 'confirmed' from photos"
        ),
    ],
)
def test_no_statement_of_the_platforms_undoes_a_withdrawal_by_the_way(
    past: Records, statement: str
) -> None:
    past.run("delete from users")
    past.run("insert into users (id) values (%s)", user(1))
    past.run(
        "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
        "select id, 9, %s, '{}', 'm', 1 from photos",
        str([1.0] + [0.0] * (DIMENSION - 1)),
    )

    with pytest.raises(psycopg.errors.CheckViolation, match="has withdrawn"):
        past.run(statement)

    past.run("delete from face_withdrawals")
    past.run(statement)


def test_an_outcome_that_came_before_its_photo_goes_with_it_too(
    records: Records, platform: Run
) -> None:
    asked = request(1)
    records.recorder().record([Settled(asked.delivery, asked.job, Reason.PHOTO_NOT_FOUND)])
    records.add_photos(1)

    platform("delete from photos where id = %s", photo(1))

    assert records.reasons() == {}


def test_many_at_once_are_no_different(past: Records, platform: Run) -> None:
    platform("delete from users")
    assert past.run(VECTORS) == []
    assert users_named(past) == set()

    platform("delete from photos")
    assert past.reasons() == {}


def test_a_face_that_a_person_took_a_match_from_stays(past: Records) -> None:
    past.run("delete from face_matches")

    assert len(past.faces()) == 2


@pytest.mark.parametrize("table", ["users", "photos"])
def test_a_table_that_is_emptied_leaves_no_match_and_no_face(past: Records, table: str) -> None:
    past.run(f"truncate {table} cascade")

    assert past.faces() == []
    assert past.reasons() == {}
    assert past.matches() == {}
    known = {user(1): {photo(1)}, user(2): {photo(2)}}
    assert withdrawals(past) == (known if table == "users" else {})


def test_what_earlier_deletions_left_behind_goes_with_the_migration(past: Records) -> None:
    # As the tables were: the outcome forgot the user and went on saying `matched`.
    past.run("update face_match_outcomes set user_id = null where photo_id = %s", photo(1))
    past.run("delete from face_matches where user_id = %s", user(1))

    past.run("delete from soloface_migrations where name like '0006%%'")
    assert migrate(past.settings, DIMENSION) == ["0006_consistency.sql"]

    assert past.reasons() == {photo(2): Reason.MATCHED}
    assert [row["photo_id"] for row in past.faces()] == [photo(2)]


def test_nobody_can_borrow_the_functions_that_delete(past: Records, platform: Run) -> None:
    platform("create temp table mine (photo_face_id uuid, user_id uuid)")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        platform(
            "create trigger theft after delete on mine referencing old table as gone "
            "for each statement execute function soloface_forget_faces()"
        )

    assert len(past.faces()) == 2
