"""`soloface erase` and `soloface retention`: what is gone is gone from every table and stream."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from connectors.embedded import PostgresServer
from connectors.jetstream.letters.erasure import our_streams
from connectors.postgres.connection import Database
from connectors.postgres.photos.erasure import drop_unmatched, erase
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.rematching import Rematching
from dataflow.jobs.job import parse_job
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised
from soloface.cli.demo.changes import CHANGES
from soloface.cli.demo.people import ENROLLED, Person
from tests.builders import request
from tests.fixtures.recording import ONCE
from tests.fixtures.terminal import Typed
from tests.fixtures.worker import Soloface
from tests.world import Photo, World

ANA, BEA = ENROLLED[:2]


@dataclass(frozen=True, slots=True)
class Past:
    """Two users, a photo of each that was matched, and messages about them on every stream."""

    world: World
    pg_dump: str
    users: dict[Person, UUID]
    photos: dict[Person, Photo]

    def dump(self) -> str:
        """All that the database and the streams hold, as text in lower case."""
        dsn = self.world.settings.database.dsn.get_secret_value()
        command = [self.pg_dump, "--restrict-key=same", dsn]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        # A rehearsal leaves gaps in what is counted.
        rows = [line for line in done.stdout.splitlines() if "setval" not in line]
        return "\n".join([*rows, *self.world.with_jetstream(self._messages)]).lower()

    def work_off(self) -> None:
        """What the workers do within a second: match again, and tell the feed."""
        rules = Rules(MatchPolicy(0.55), self.world.pack.contract.id)
        settings = self.world.settings.database
        with closing(Rematching(Database(settings), Database(settings), rules)) as rematching:
            while rematching.step():
                pass
        with self.world.database() as connection:
            connection.execute("delete from face_outbox")

    async def _messages(self, js: JetStreamContext) -> list[str]:
        found = []
        for stream in our_streams(self.world.settings.nats):
            state = (await js.stream_info(stream)).state
            for seq in range(max(1, state.first_seq), state.last_seq + 1):
                try:
                    message = await js.get_msg(stream, seq)
                except NotFoundError:
                    continue
                found.append(f"{message.headers} {(message.data or b'').decode()}")
        return found

    def traces(self, person: Person) -> dict[str, str]:
        """What tells of this person: ids, and the beginnings of the vectors."""
        photo = self.photos[person].id
        with self.world.database() as connection:
            rows = connection.execute(
                "select 'enrolled' as what, face_embedding::text as vector from users where id = %s"
                " union all select 'seen', embedding::text from photo_faces where photo_id = %s",
                [self.users[person], photo],
            ).fetchall()
        vectors = {row["what"]: row["vector"][1:60] for row in rows if row["vector"]}
        user = self.users[person]
        return {"user": str(user), "named": user.hex, "photo": str(photo), **vectors}


def found_in(dump: str, traces: dict[str, str]) -> set[str]:
    return {what for what, text in traces.items() if text in dump}


@pytest.fixture
def past(world: World, postgres_server: PostgresServer) -> Past:
    users = dict(zip((ANA, BEA), world.enrol(ANA, BEA).values(), strict=True))
    photos = {ANA: world.photo(), BEA: world.photo()}
    with closing(Database(world.settings.database)) as database:
        recorder = Recorder(database, ONCE, MatchPolicy(0.55), world.pack.contract.id)
        for number, (person, photo) in enumerate(photos.items(), start=1):
            face = world.recognise(CHANGES["turned +18°"](person.portrait()))
            job = parse_job(photo.job())
            (settled,) = recorder.record([Recognised(request(number).delivery, job, face)])
            assert settled.match
            assert settled.match.user_id == users[person]
            remember(world, users[person], photo)
            world.publish(photo.job(), photo.job(), photo.job(owner=users[person]))
            world.with_jetstream(bury(world, photo, users[person]))
    pg_dump = str(postgres_server._programs / "pg_dump")
    return Past(world, pg_dump, users, photos)


def remember(world: World, user: UUID, photo: Photo) -> None:
    """What enrolling from photos, moving to another model and a person's word leave behind."""
    with world.database() as connection:
        for statement in (
            (
                "insert into face_enrolments (user_id, model, photos, fingerprint) "
                "values (%(user)s, 'm', 1, 'f')"
            ),
            "insert into face_enrolment_photos (user_id, sha256, ref) values (%(user)s, 'a', 'b')",
            (
                "insert into user_embeddings (user_id, model, embedding) "
                "select id, 'old', face_embedding from users where id = %(user)s"
            ),
            (
                "insert into photo_face_embeddings (photo_face_id, model, embedding) "
                "select id, 'old', embedding from photo_faces where photo_id = %(photo)s"
            ),
            (
                "insert into face_match_decisions (photo_id, user_id, decision) "
                "values (%(photo)s, %(user)s, 'confirmed')"
            ),
        ):
            connection.execute(statement, {"user": user, "photo": photo.id})


def bury(world: World, photo: Photo, user: UUID) -> Callable[[JetStreamContext], Awaitable[None]]:
    """An event of both; two dead letters, one of the photo, one of the user in a header."""

    async def bury(js: JetStreamContext) -> None:
        subject = world.settings.nats.dead_subject
        await js.publish(world.settings.nats.settled_subject, photo.job(user_id=user))
        await js.publish(subject, photo.job().upper())
        await js.publish(subject, b"{", headers={"Soloface-Error": f"not for {user.hex}"})

    return bury


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
    assert dump.count(ana["user"]) == len(["face_withdrawals", "face_withdrawn_photos"])
    assert found_in(dump, bea) == bea.keys()


def test_an_erasure_is_told_kept_and_repeatable(past: Past, soloface: Soloface) -> None:
    ana, photo = past.users[ANA], past.photos[ANA].id
    with past.world.database() as connection:
        connection.execute("delete from face_outbox")
    command = ["erase", "--user", ana, "--yes", "--by", "Olga"]

    done = soloface(*command)

    assert f"1 photo showed the user, and no job looks at them again:\n  {photo}\n" in done.out
    with past.world.database() as connection:
        (told,) = connection.execute("table face_outbox").fetchall()
        (withdrawal,) = connection.execute("table face_withdrawals").fetchall()
    assert (told["change"], told["photo_id"], told["previous_user_id"]) == ("lost", photo, ana)
    assert (told["cause"], told["by"]) == ("erased", "Olga")
    assert (withdrawal["user_id"], withdrawal["withdrawn_by"]) == (ana, "Olga")
    assert soloface(*command, "--row").code == 0
    again = soloface(*command, "--json")
    assert (again.code, again.json["photos"]) == (0, [])


def test_whom_nobody_knows_has_not_withdrawn(past: Past, soloface: Soloface) -> None:
    before = past.dump()

    assert soloface("erase", "--user", uuid4(), "--yes").code == 1

    assert past.dump() == before


def test_the_same_face_under_another_number_and_a_photo_known_by_a_word_go_too(
    past: Past, soloface: Soloface
) -> None:
    ana, photo = past.users[ANA], past.photos[ANA].id
    named = past.world.photo()
    with past.world.database() as connection:
        connection.execute(
            "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
            "select photo_id, 7, embedding, bbox, model, det_score from photo_faces "
            "where photo_id = %s",
            [photo],
        )
        connection.execute(
            "insert into face_match_decisions (photo_id, user_id, decision) "
            "values (%s, %s, 'confirmed')",
            [named.id, ana],
        )
    traces = past.traces(ANA)

    done = soloface("erase", "--user", ana, "--yes", "--json")

    assert set(done.json["photos"]) == {str(photo), str(named.id)}
    past.work_off()
    assert found_in(past.dump(), traces) == {"user", "photo"}
    assert photo not in past.world.rows("photo_faces")


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
    assert dump.count(ana["user"]) == len(["users", "face_withdrawals", "face_withdrawn_photos"])
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
    # A withdrawal, and what is worked off within a second.
    kept = {"face_withdrawals", "face_withdrawn_photos", "face_rematches", "face_outbox"}
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
