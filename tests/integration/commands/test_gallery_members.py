"""`soloface gallery add|remove|members|list`: who belongs to which gallery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.settings import PREFIX
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.logins import login_with
from tests.fixtures.recording import MODEL, THRESHOLD, Records, face
from tests.fixtures.worker import Soloface
from tests.world import World


@pytest.fixture
def platform(records: Records, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    """Users 1 to 3, of whom 3 is not enrolled; the command has the login of whoever enrols."""
    for number in (1, 2):
        records.add_user(number, 10 * number)
    records.run("insert into users (id) values (%s)", user(3))
    records.run("truncate face_rematches")
    with login_with("soloface_enroller", records.settings) as enroller:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", enroller.dsn.get_secret_value())
        yield records


def members(records: Records) -> list[tuple[str, int]]:
    rows = records.run("select gallery, user_id from face_gallery_members order by 1, 2")
    return [(row["gallery"], row["user_id"].int - 0xA000) for row in rows]


def test_users_are_added_and_removed_and_their_faces_wait_to_be_matched_again(
    platform: Records, soloface: Soloface
) -> None:
    done = soloface("gallery", "add", "hall", user(1), user(3), "--by", "Olga")
    assert (done.code, done.out) == (0, "added 2, already there 0, not added 0\n")
    again = soloface("gallery", "add", "hall", user(1), user(2), "--json")
    assert again.json == {"added": 1, "already_there": 1, "not_added": []}
    assert members(platform) == [("hall", 1), ("hall", 2), ("hall", 3)]
    waiting = platform.run("select user_id, gallery, by from face_rematches order by id")
    assert [tuple(row.values()) for row in waiting] == [
        (user(1), "hall", "Olga"),
        (user(2), "hall", None),
    ]

    done = soloface("gallery", "remove", "hall", user(2), user(4))
    assert (done.code, done.out) == (0, "removed 1, not there 1\n")
    assert members(platform) == [("hall", 1), ("hall", 3)]


def test_who_is_unknown_or_has_withdrawn_is_named_and_left_out(
    platform: Records, soloface: Soloface
) -> None:
    platform.run("insert into face_withdrawals (user_id) values (%s)", user(2))
    done = soloface("gallery", "add", "hall", user(1), user(2), user(9))
    assert done.code == 1
    assert done.out == "added 1, already there 0, not added 2\n"
    assert done.err.splitlines() == [
        f"not added: {user(number)} is not in `users`, or has withdrawn" for number in (2, 9)
    ]
    assert members(platform) == [("hall", 1)]


def test_what_is_listed_as_csv_can_be_added_elsewhere(
    platform: Records, soloface: Soloface, tmp_path: Path
) -> None:
    table = tmp_path / "members.csv"
    table.write_text(f"user_id,gallery\n{user(1)},hall\n{user(3)},hall\n{user(1)},school\n")
    assert soloface("gallery", "add", "--csv", table).out.startswith("added 3")
    listed = soloface("gallery", "members", "hall", "--csv").out
    assert listed == f"gallery,user_id\nhall,{user(1)}\nhall,{user(3)}\n"
    table.write_text(listed)
    assert soloface("gallery", "add", "club", "--csv", table).code == 0
    assert soloface("gallery", "remove", "--csv", table).out == "removed 2, not there 0\n"
    assert members(platform) == [("club", 1), ("club", 3), ("school", 1)]


def test_members_and_galleries_are_counted(
    platform: Records, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.add_photos(1)
    platform.add_members("hall", 1, 3)
    platform.recorder().record([face(1, 0, gallery="school")])
    shown = soloface("gallery", "members", "hall")
    assert shown.out.splitlines()[-1] == "2 members of hall, 1 enrolled"
    assert [row["enrolled"] for row in soloface("gallery", "members", "hall", "--json").json] == [
        True,
        False,
    ]
    with login_with("soloface_auditor", platform.settings) as auditor:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", auditor.dsn.get_secret_value())
        done = soloface("gallery", "list", "--json")
        assert done.json == [
            {"gallery": "hall", "members": 2, "enrolled": 1, "faces": 0},
            {"gallery": "school", "members": 0, "enrolled": 0, "faces": 1},
        ]
        assert soloface("gallery", "list").out.splitlines()[-1] == "2 galleries"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "two words", user(1)), "the name of a gallery must be 1 to 128 letters"),
        (("add", "x" * 129, user(1)), "the name of a gallery must be 1 to 128 letters"),
        (("add", "hall"), "give GALLERY and at least one USER, or --csv FILE"),
        (("add", "hall", user(1), "--csv", "members.csv"), "or --csv FILE, not both"),
        (("remove",), "give GALLERY and at least one USER, or --csv FILE"),
        (("members", "a/b"), "the name of a gallery must be 1 to 128 letters"),
        (("add", "--csv", "none.csv"), "none.csv cannot be read"),
    ],
)
def test_a_slip_is_one_line(
    platform: Records, soloface: Soloface, arguments: tuple[object, ...], says: str
) -> None:
    del platform
    done = soloface("gallery", *arguments)
    assert done.code
    assert says in " ".join(done.err.replace("│", "").split())
    assert "Traceback" not in done.err


def test_a_gallerys_faces_are_matched_again_by_hand(
    platform: Records, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.add_photos(1, 2)
    platform.add_members("hall", 1)
    platform.recorder().record([face(1, 0, gallery="hall"), face(2, 0)])
    platform.add_members("hall", 2)
    platform.run("update users set face_embedding = null where id = %s", user(1))
    with closing(Database(platform.settings)) as database:
        Limits(database).note(MODEL, MatchPolicy(THRESHOLD))
    platform.run("truncate face_rematches")
    with login_with("soloface_worker", platform.settings) as worker:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", worker.dsn.get_secret_value())
        looked = soloface("rematch", "--gallery", "hall", "--dry-run", "--json")
        done = soloface("rematch", "--gallery", "hall", "--json")
    assert [(one.json["photos"], one.json["moved"]) for one in (looked, done)] == [(1, 1)] * 2
    assert platform.matches() == {photo(1): user(2), photo(2): user(1)}


def test_a_job_that_is_published_by_hand_may_name_a_gallery(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(f"{PREFIX}MATCH__GALLERY", "required")
    refused = soloface("publish", photo(1), "a.jpg")
    assert (refused.code, "it names no gallery" in refused.err) == (1, True)
    monkeypatch.delenv(f"{PREFIX}MATCH__GALLERY")
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(THRESHOLD, gallery_required=True)
        Limits(database).note(world.pack.contract.id, policy)
    refused = soloface("publish", photo(1), "a.jpg")
    assert (refused.code, refused.out) == (1, "published 0, already there 0\n")
    assert refused.err.startswith("not published: the job: it names no gallery")
    assert "--gallery" in refused.err
    table = tmp_path / "jobs.csv"
    table.write_text(f"photo_id,image_ref,gallery\n{photo(1)},a.jpg,\n{photo(2)},b.jpg,school\n")
    assert soloface("publish", "--file", table, "--gallery", "hall").code == 0
    jobs = [orjson.loads(delivery.payload) for delivery in world.take(2)]
    assert [job["gallery"] for job in jobs] == ["hall", "school"]


def test_where_the_database_does_not_say_whether_a_gallery_is_required_one_line_says_so(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", "postgresql://soloface@127.0.0.1:1/soloface")
    file = tmp_path / "jobs.jsonl"
    file.write_text(f'{{"photo_id": "{photo(1)}", "image_ref": "a.jpg"}}\n' * 2)

    done = soloface("publish", "--file", file)
    named = soloface("publish", "--file", file, "--gallery", "hall")

    assert (done.code, done.err.count("\n")) == (0, 1)
    assert done.err.startswith("jobs without a gallery are published, though the database does not")
    assert (named.code, named.err) == (0, "")
    galleries = [orjson.loads(delivery.payload).get("gallery") for delivery in world.take(4)]
    assert galleries == [None, None, "hall", "hall"]


def test_where_a_gallery_is_required_the_search_among_all_is_not_measured(
    platform: Records, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = platform.settings.dsn.get_secret_value()
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", dsn)
    assert soloface("gallery", "status", "--json").json["measured"]["faces"] == 2
    with closing(Database(platform.settings)) as database:
        Limits(database).note(MODEL, MatchPolicy(THRESHOLD, gallery_required=True))
    done = soloface("gallery", "status", "--json")
    assert (done.json["gallery_required"], done.json["measured"]["faces"]) == (True, 0)
    assert soloface("gallery", "status").out.splitlines()[-1] == "nothing to do"
    built = soloface("gallery", "index", "--rebuild")
    assert (built.code, built.err.count("\n")) == (1, 1)
    assert built.err.startswith("error: no index is needed")
    platform.run("truncate face_match_limits")
    monkeypatch.setenv(f"{PREFIX}MATCH__GALLERY", "required")
    assert soloface("gallery", "status", "--json").json["measured"]["faces"] == 0
