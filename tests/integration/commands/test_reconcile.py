"""Photos that were forgotten get their jobs; the others are left alone."""

from __future__ import annotations

import time
from contextlib import closing
from uuid import UUID

import orjson
import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.forgotten import PAGE
from connectors.postgres.photos.limits import Limits
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, request, user
from tests.fixtures.letters import Letters
from tests.fixtures.recording import MODEL, THRESHOLD, Records
from tests.fixtures.worker import Done, Soloface

FORGOTTEN = photo(1)


@pytest.fixture
def platform(
    records: Records, letters: Letters, migrated_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> Records:
    """Photos with references: one forgotten, one with an outcome, one new, one of a group."""
    del letters  # the streams, and the environment that leads to them
    monkeypatch.setenv("SOLOFACE_DATABASE__DSN", migrated_dsn)
    records.run("alter table photos add column key text, add column faces int default 1")
    records.add_photos(1, 2, 3, 4, 5)
    records.run("update photos set key = id || '.jpg', created_at = now() - interval '2 hours'")
    records.run("update photos set created_at = now() where id = %s", photo(3))
    records.run("update photos set faces = 2 where id = %s", photo(4))
    records.run("update photos set key = null where id = %s", photo(5))
    asked = request(2)
    records.recorder().record([Settled(asked.delivery, asked.job, Reason.NO_FACE)])
    return records


def run(soloface: Soloface, *arguments: object) -> Done:
    return soloface("reconcile", "--ref-column", "key", "--only", "faces=1", *arguments)


def test_only_what_should_have_an_outcome_and_has_none_is_published(
    platform: Records, letters: Letters, soloface: Soloface
) -> None:
    del platform
    done = run(soloface, "--publish", "--json")
    assert (done.json["found"], done.json["published"]) == (1, 1)
    (job,) = map(orjson.loads, letters.jobs())
    assert job["photo_id"] == str(FORGOTTEN)
    assert job["image_ref"] == f"{FORGOTTEN}.jpg"
    assert str(UUID(job["job_id"])) == job["job_id"]


def test_nothing_is_published_unless_it_is_asked_for(
    platform: Records, letters: Letters, soloface: Soloface
) -> None:
    del platform
    done = run(soloface)
    assert done.code == 0
    assert done.out.splitlines() == [
        "1 photo has no outcome",
        f"  {FORGOTTEN} {FORGOTTEN}.jpg",
        "nothing was published; --publish does it",
    ]
    assert letters.jobs() == []


def test_to_run_it_again_publishes_nothing_twice(
    platform: Records, letters: Letters, soloface: Soloface
) -> None:
    del platform
    run(soloface, "--publish")
    done = run(soloface, "--publish", "--json")
    assert (done.json["published"], done.json["already_there"]) == (0, 1)
    assert len(letters.jobs()) == 1


def test_a_photo_of_whoever_has_withdrawn_is_passed_over_until_they_have_agreed_again(
    platform: Records, soloface: Soloface
) -> None:
    platform.run(
        "insert into face_withdrawn_photos (photo_id, user_id) values (%s, %s)", FORGOTTEN, user(1)
    )
    asked = request(1)
    platform.recorder().record([Settled(asked.delivery, asked.job, Reason.WITHDRAWN)])
    assert run(soloface, "--json").json["found"] == 0

    platform.run("delete from face_withdrawn_photos")

    assert run(soloface, "--json").json["found"] == 1


def test_the_time_decides_which_photos_are_meant(platform: Records, soloface: Soloface) -> None:
    del platform
    assert run(soloface, "--created-before", "0s", "--json").json["found"] == 2
    assert run(soloface, "--created-before", "3h", "--json").json["found"] == 0
    assert run(soloface, "--created-after", "90m", "--json").json["found"] == 0


def test_what_is_no_reference_is_named_and_not_published(
    platform: Records, letters: Letters, soloface: Soloface
) -> None:
    platform.run("update photos set key = '../x' where id = %s", FORGOTTEN)
    done = run(soloface, "--publish")
    assert done.code == 1
    assert f"cannot be published: {FORGOTTEN} ../x: a file path is not a key" in done.out
    assert letters.jobs() == []


def test_more_than_a_page_is_published_each_once_at_the_rate(
    platform: Records, letters: Letters, soloface: Soloface
) -> None:
    many = PAGE + 50
    platform.run(
        "insert into photos (id, key, created_at) select gen_random_uuid(), 'x.jpg', "
        "now() - interval '2 hours' from generate_series(1, %s)",
        many,
    )
    began = time.monotonic()
    done = run(soloface, "--publish", "--rate", "1000", "--limit", many, "--json")
    assert time.monotonic() - began > (many - 100) / 1000
    assert done.json["published"] == many
    assert len({orjson.loads(job)["photo_id"] for job in letters.jobs()}) == many


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ref-column", 'key"; drop table photos; --'],
        ["--only", "colour=red"],
        ["--created-column", "born"],
    ],
)
def test_a_column_that_is_not_there_is_a_clear_error(
    platform: Records, soloface: Soloface, arguments: list[str]
) -> None:
    done = run(soloface, *arguments)
    assert done.code == 1
    assert "does not exist" in done.err
    assert "--ref-column" in done.err
    assert platform.run("select count(*) as photos from photos")[0]["photos"] == 5


def test_the_jobs_name_the_gallery_of_a_column(
    platform: Records, letters: Letters, soloface: Soloface
) -> None:
    platform.run("alter table photos add column album text default 'hall'")
    platform.run("update photos set album = 'no name' where id = %s", photo(4))
    platform.run("update photos set faces = 1")
    done = run(soloface, "--publish", "--gallery-column", "album", "--json")
    assert done.code == 1
    assert [job["gallery"] for job in map(orjson.loads, letters.jobs())] == ["hall"]
    (bad,) = done.json["bad_examples"]
    assert bad.startswith(f"{photo(4)} ")
    assert "the name of a gallery must be" in bad


@pytest.mark.parametrize("where", ["settings", "workers"])
def test_where_a_gallery_is_required_no_job_is_published_without_one(
    platform: Records,
    letters: Letters,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    if where == "settings":
        monkeypatch.setenv("SOLOFACE_MATCH__GALLERY", "required")
    else:
        with closing(Database(platform.settings)) as database:
            Limits(database).note(MODEL, MatchPolicy(THRESHOLD, gallery_required=True))
    done = run(soloface, "--publish")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "--gallery-column" in done.err

    platform.run("alter table photos add column album text")
    done = run(soloface, "--publish", "--gallery-column", "album")
    assert done.code == 1
    assert f"cannot be published: {FORGOTTEN} {FORGOTTEN}.jpg: it belongs to no" in done.out
    assert letters.jobs() == []

    platform.run("update photos set faces = 1")
    platform.run("update photos set album = 'hall' where id = %s", photo(4))
    named = ("--gallery-column", "album", "--gallery", "school", "--json")
    assert run(soloface, "--publish", *named).json["published"] == 2
    jobs = {job["photo_id"]: job["gallery"] for job in map(orjson.loads, letters.jobs())}
    assert jobs == {str(FORGOTTEN): "school", str(photo(4)): "hall"}


def test_a_bad_name_of_a_gallery_for_all_is_refused_before_anything_is_published(
    platform: Records, letters: Letters, soloface: Soloface
) -> None:
    del platform
    done = run(soloface, "--publish", "--gallery", "two words")
    assert (done.code, "--gallery: the name of a gallery must be" in done.err) == (1, True)
    assert letters.jobs() == []
