"""`soloface erase` and `soloface retention`: what is gone is gone from every table and stream."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.erasure import drop_unmatched, erase
from connectors.postgres.sql_files import query
from tests.fixtures.past import ANA, BEA, Past, found_in
from tests.fixtures.terminal import Typed
from tests.fixtures.worker import Soloface

KEPT = {"face_person_turns", "face_withdrawals", "face_withdrawn_photos"}
"""What keeps the id of a user who has withdrawn."""


def test_nothing_is_left_of_an_erased_user_and_everything_of_the_others(
    past: Past, soloface: Soloface
) -> None:
    ana, bea = past.traces(ANA), past.traces(BEA)
    assert found_in(past.dump(), ana) == ana.keys()

    done = soloface("erase", "--user", ana["user"], "--row", "--yes", "--json")

    assert done.code == 0
    erased = done.json["erased"]
    assert erased["users"] == erased["photo_faces"] == erased["face_matches"] == 1
    assert erased["face_match_outcomes"] == erased["users, whole row"] == 1
    assert erased[f"messages on {past.world.settings.nats.stream}"] == 1
    assert erased[f"messages on {past.world.settings.nats.dead_stream}"] == 1
    assert erased[f"messages on {past.world.settings.nats.settled_stream}"] == 1
    assert done.json["photos"] == [ana["photo"]]
    # The photo is the platform's, and its jobs say nothing of the user. The two ids are kept, so
    # that no sweep brings the face back; no vector.
    past.work_off()
    dump = past.dump()
    assert found_in(dump, ana) == {"photo", "user"}
    assert dump.count(ana["user"]) == len(
        ["face_person_turns", "face_withdrawals", "face_withdrawn_photos"]
    )
    assert found_in(dump, bea) == bea.keys()


def test_nothing_is_left_of_an_erased_photo(past: Past, soloface: Soloface) -> None:
    ana, bea = past.traces(ANA), past.traces(BEA)

    done = soloface("erase", "--photo", ana["photo"], "--row", "--yes", "--json")

    assert done.code == 0
    assert done.json["erased"][f"messages on {past.world.settings.nats.stream}"] == 3
    assert "photos" not in done.json
    past.work_off()
    assert found_in(past.dump(), ana) == {"user", "named", "enrolled"}
    assert found_in(past.dump(), bea) == bea.keys()


def test_the_platforms_own_row_stays_unless_it_is_named(past: Past, soloface: Soloface) -> None:
    ana = past.traces(ANA)

    soloface("erase", "--user", ana["user"], "--yes")
    soloface("erase", "--photo", ana["photo"], "--yes")

    past.work_off()
    dump = past.dump()
    assert found_in(dump, ana) == {"user", "photo"}
    assert dump.count(ana["user"]) == len(
        ["users", "face_person_turns", "face_withdrawals", "face_withdrawn_photos"]
    )
    assert dump.count(ana["photo"]) == len(["photos", "face_withdrawn_photos"])


def test_a_rehearsal_counts_the_same_and_changes_nothing(past: Past, soloface: Soloface) -> None:
    before, ana = past.dump(), past.traces(ANA)
    command = ["erase", "--user", ana["user"], "--json"]

    rehearsed = soloface(*command, "--dry-run")

    assert past.dump() == before
    assert rehearsed.json["erased"] == soloface(*command, "--yes").json["erased"]
    assert rehearsed.json["dry_run"]


def test_whoever_says_no_erases_nothing(
    past: Past, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = past.dump()
    monkeypatch.setattr("sys.stdin", Typed("n\n"))

    done = soloface("erase", "--user", past.users[ANA])

    assert done.code == 1
    assert "would erase" in done.out
    assert past.dump() == before


def test_erasing_what_is_not_there_erases_nothing(past: Past, soloface: Soloface) -> None:
    before = past.dump()

    done = soloface("erase", "--photo", uuid4(), "--row", "--yes", "--json")

    assert done.code == 1
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert "there is no photo" in done.err
    assert past.dump() == before


@pytest.mark.usefixtures("world")
def test_one_user_or_one_photo_has_to_be_named(soloface: Soloface) -> None:
    assert soloface("erase", "--yes").code == 2
    assert soloface("erase", "--user", uuid4(), "--photo", uuid4(), "--yes").code == 2


def test_a_row_that_the_platform_needs_is_not_deleted_nor_anything_else(
    past: Past, soloface: Soloface
) -> None:
    with past.world.database() as connection:
        connection.execute("create table orders (buyer uuid references users (id))")
        connection.execute("insert into orders values (%s)", [past.users[ANA]])
    ana = past.traces(ANA)

    done = soloface("erase", "--user", past.users[ANA], "--row", "--yes")

    assert done.code == 1
    assert "orders" in done.err
    assert found_in(past.dump(), ana) >= {"enrolled", "seen"}


def test_every_table_that_names_a_user_or_a_photo_is_thought_of(past: Past) -> None:
    with past.world.database() as connection:
        rows = connection.execute(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'public' and column_name ~ '(user|photo|photo_face)_id$'"
        ).fetchall()
    # A withdrawal, and what is worked off within a second or removed within minutes.
    kept = {
        "face_person_turns",
        "face_withdrawals",
        "face_withdrawn_photos",
        "face_rematches",
        "face_outbox",
        "face_user_changes",
    }
    naming = {
        (row["table_name"], row["column_name"]) for row in rows if row["table_name"] not in kept
    }
    assert {"photo_faces", "face_matches", "face_match_outcomes"} <= {table for table, _ in naming}

    for table, column in naming:
        subject = "erase_user" if column.endswith("user_id") else "erase_photo"
        assert f"from {table}\n" in query(subject) or f"from {table} " in query(subject), table


def test_faces_that_matched_nobody_are_dropped_when_they_are_old_enough(
    past: Past, soloface: Soloface
) -> None:
    ana, bea = past.traces(ANA), past.traces(BEA)
    with past.world.database() as connection:
        connection.execute("delete from face_matches where user_id = %s", [past.users[ANA]])
        connection.execute("update photo_faces set updated_at = now() - interval '31 days'")

    assert soloface("retention", "--unmatched-after", "32", "--json").json["dropped"] == 0
    rehearsed = soloface("retention", "--unmatched-after", "30", "--dry-run", "--json")
    done = soloface("retention", "--unmatched-after", "30", "--json")

    assert rehearsed.json["dropped"] == done.json["dropped"] == 1
    assert found_in(past.dump(), ana) == ana.keys() - {"seen"}
    assert found_in(past.dump(), bea) == bea.keys()


def test_the_role_for_erasing_may_erase_and_read_no_vector(past: Past) -> None:
    with (
        closing(Database(past.world.settings.database)) as database,
        database.connection() as connection,
    ):
        connection.execute("set role soloface_eraser")
        connection.execute("set enable_seqscan = off")  # no matter how it is planned
        user = erase(connection, "user", past.users[ANA], row=False, dry_run=False, by="Olga")
        photo = erase(connection, "photo", past.photos[BEA].id, row=False, dry_run=False)
        dropped = sum(drop_unmatched(connection, datetime.now(UTC)))
        for statement in (
            b"select face_embedding from users",
            b"select embedding from photo_faces",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)

    assert set(user.rows.values()) == set(photo.rows.values()) == {1}
    assert user.photo_ids == [past.photos[ANA].id]
    assert dropped == 0
