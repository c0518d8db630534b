"""`soloface rematch`: by hand what workers do by themselves, and a look at what it would change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from connectors.postgres.tags import sifting
from connectors.postgres.tags.rematching import Rematching
from connectors.postgres.tags.requests import Requests
from dataflow.gallery.limit import FollowingLimit
from dataflow.settings import PREFIX
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.logins import login_with
from tests.fixtures.recording import MODEL, THRESHOLD, Records, face
from tests.fixtures.rematching import NEAR, rematching_of
from tests.fixtures.worker import Soloface
from tests.world import World


@pytest.fixture
def place(records: Records, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    """Photo 1 is tagged with user 1; photos 2 and 3 with nobody. Workers have noted their limits.

    The command has the login of a worker, and nothing waits.
    """
    records.add_photos(1, 2, 3)
    records.add_user(1, 20)
    with closing(Database(records.settings)) as database:
        Limits(database).note(MODEL, MatchPolicy(THRESHOLD, NEAR))
    records.recorder(NEAR).record([face(1, 0), face(2, 60), face(3, 200)])
    records.run("truncate face_rematches")
    with login_with("soloface_worker", records.settings) as worker:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", worker.dsn.get_secret_value())
        yield records


def unheard(records: Records, number: int, degrees: float) -> None:
    """Somebody enrols, and nobody is told."""
    records.add_user(number, degrees)
    records.run("truncate face_rematches")


def test_it_matches_a_users_faces_again_and_says_what_changed(
    place: Records, soloface: Soloface
) -> None:
    unheard(place, 2, 1)
    unheard(place, 3, 61)

    done = soloface("rematch", "--user", user(2), "--json")

    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "dry_run": False,
        "model": MODEL,
        "limits": {"max_distance": NEAR, "min_margin": None},
        "photos": 1,
        "gained": 0,
        "lost": 0,
        "moved": 1,
        "by_others_too": False,
    }
    assert place.matches() == {photo(1): user(2)}
    told = soloface("rematch", "--user", user(2), "--user", user(3))
    assert "2 photos decided again; tags: 1 gained, 0 lost, 0 moved" in told.out
    assert f"matched by {MODEL}, max_distance 0.1, min_margin none" in told.out
    assert place.matches() == {photo(1): user(2), photo(2): user(3)}
    assert not place.run("select 1 from face_rematches")
    rows = place.run("select distinct cause from face_outbox where change <> 'gained'")
    assert [row["cause"] for row in rows] == ["rematch"]


def test_a_dry_run_says_the_same_and_writes_nothing(place: Records, soloface: Soloface) -> None:
    unheard(place, 2, 1)
    unheard(place, 3, 61)
    everything = "select * from {} order by 1"
    tables = ("photo_faces", "face_matches", "face_match_outcomes", "face_rematches", "face_outbox")
    before = [place.run(everything.format(table)) for table in tables]

    looked = soloface("rematch", "--all", "--dry-run", "--json")

    assert looked.code == 0
    answer = looked.json
    changes = {name: answer[name] for name in ("photos", "gained", "lost", "moved")}
    assert changes == {"photos": 3, "gained": 1, "lost": 0, "moved": 1}
    examples = {example["photo_id"]: example for example in answer["examples"]}
    moved = examples[str(photo(1))]
    assert (moved["change"], moved["user_id"], moved["previous_user_id"]) == (
        "moved",
        str(user(2)),
        str(user(1)),
    )
    assert examples[str(photo(2))]["distance"] == pytest.approx(1.5e-4, abs=1e-5)
    told = soloface("rematch", "--user", user(3), "--dry-run").out
    assert "1 photo would be decided again; of the tags would be: 1 gained, 0 lost, 0 moved" in told
    assert str(user(3)) in told
    assert [place.run(everything.format(table)) for table in tables] == before
    done = soloface("rematch", "--all", "--json").json
    assert changes == {name: done[name] for name in changes}


def test_a_dry_run_waits_for_nobody(place: Records, soloface: Soloface) -> None:
    unheard(place, 2, 1)
    place.run("begin")
    place.run("select from photos for update")
    place.run("select pg_advisory_xact_lock(1344253154)")
    assert soloface("rematch", "--all", "--dry-run", "--json").json["moved"] == 1
    place.run("rollback")


def test_only_faces_since_a_time_are_matched_again(place: Records, soloface: Soloface) -> None:
    unheard(place, 2, 1)
    unheard(place, 3, 61)
    place.run("update photo_faces set updated_at = now() - interval '2 days' where face_index = 0")
    place.run(
        "update photo_faces set updated_at = now() - interval '1 hour' where photo_id = %s",
        photo(2),
    )

    done = soloface("rematch", "--since", "1d", "--json").json

    assert (done["photos"], done["gained"], done["moved"]) == (1, 1, 0)
    assert place.matches() == {photo(1): user(1), photo(2): user(3)}
    moment = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    assert soloface("rematch", "--since", moment, "--json").json["moved"] == 1


def test_all_faces_follow_limits_that_were_changed(place: Records, soloface: Soloface) -> None:
    place.run("update face_match_limits set max_distance = 0.5")
    place.run("truncate face_rematches")

    done = soloface("rematch", "--all", "--json").json

    assert (done["limits"]["max_distance"], done["gained"]) == (0.5, 1)
    assert place.matches() == {photo(1): user(1), photo(2): user(1)}


def test_a_dry_run_foretells_by_the_limit_that_the_workers_will_come_to(
    place: Records, soloface: Soloface
) -> None:
    with closing(Database(place.settings)) as database:
        limits = Limits(database)
        follows = FollowingLimit(0.01, 1e-9, (NEAR, NEAR, 0.03))
        limits.note(MODEL, MatchPolicy(THRESHOLD), follows)
        place.add_user(2, 100)
        unheard(place, 3, 140)

        foretold = soloface("rematch", "--all", "--dry-run", "--json").json
        noted = limits.of(MODEL)
        assert noted
        assert (noted.users, foretold["limits"]["max_distance"]) == (1, 0.03)
        done = soloface("rematch", "--all", "--json").json
        noted = limits.of(MODEL)

    assert noted
    assert (noted.users, noted.policy.max_distance) == (4, 0.03)
    assert done["limits"] == foretold["limits"]
    assert [done[change] for change in ("gained", "lost", "moved")] == [0, 1, 0]
    assert [foretold[change] for change in ("gained", "lost", "moved")] == [0, 1, 0]
    assert place.matches() == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --user UUID, --gallery NAME, --all or --since TIME"),
        (("--all", "--since", "3d"), "give --user UUID, --gallery NAME, --all or --since TIME"),
        (("--since", "yesterday"), "--since"),
        (("--user", "ana"), "--user"),
    ],
)
def test_wrong_use_is_one_line(
    place: Records, soloface: Soloface, arguments: tuple[str, ...], words: str
) -> None:
    done = soloface("rematch", *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert place.run("select 1 from face_rematches") == []


def test_a_user_who_is_not_there_is_named(place: Records, soloface: Soloface) -> None:
    done = soloface("rematch", "--user", user(1), "--user", user(7))
    assert (done.code, done.err) == (1, f"error: there is no user {user(7)}\n")
    assert place.run("select 1 from face_rematches") == []


def test_without_faces_or_users_it_says_so(place: Records, soloface: Soloface) -> None:
    place.run("delete from photos")
    assert "no face of" in soloface("rematch", "--all").out
    place.run("delete from users")
    place.run("delete from face_match_limits")
    done = soloface("rematch", "--all")
    assert done.code == 1
    assert "nobody is enrolled and no worker ever started" in done.err


def test_before_any_worker_the_limits_of_the_environment_count(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_DISTANCE", "0.25")
    with world.database() as connection:
        connection.execute(
            "insert into users (id, face_embedding, face_embedding_model) values (%s, %s, %s)",
            [user(1), str([1.0] * 128), world.pack.contract.id],
        )
    done = soloface("rematch", "--all", "--json")
    assert (done.code, done.json["limits"]["max_distance"]) == (0, 0.25)
    assert "those of this environment count" in done.err


def test_it_waits_for_a_worker_that_has_the_turn_and_leaves_the_rest_if_interrupted(
    place: Records, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    unheard(place, 2, 1)
    place.run("begin")
    place.run("select pg_advisory_xact_lock(1344253154)")
    looked = threading.Event()
    progress = Requests.progress

    def interrupted(requests: Requests, ids: list[int]) -> Any:  # noqa: ANN401 - passed on
        if looked.is_set():
            raise KeyboardInterrupt
        looked.set()
        return progress(requests, ids)

    with monkeypatch.context() as patched:
        patched.setattr(Requests, "progress", interrupted)
        done = soloface("rematch", "--all")

    place.run("rollback")
    assert done.code != 0
    assert "a worker or the next run finishes it" in done.err
    assert place.matches() == {photo(1): user(1)}
    work(place)
    assert place.matches() == {photo(1): user(2)}


def test_what_a_worker_did_of_it_is_told(
    place: Records, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "BLOCKS", 1)
    monkeypatch.setattr(sifting, "BLOCKS_OF_ALL", 1)
    numbers = range(10, 210)
    place.add_photos(*numbers)
    place.recorder(NEAR).record([face(number, 300) for number in numbers])
    unheard(place, 2, 301)
    step = Rematching.step

    def helped(rematching: Rematching, *_rest: Any) -> Any:  # noqa: ANN401 - passed on
        with ThreadPoolExecutor(1) as worker:
            worker.submit(work, place, 1).result()
        return step(rematching, *_rest)

    with monkeypatch.context() as patched:
        patched.setattr(Rematching, "step", helped)
        done = soloface("rematch", "--all")

    assert done.code == 0
    assert len(place.matches()) == len(numbers) + 1
    assert "workers did a part of it" in done.out


@pytest.mark.parametrize("wish", [["--all"], ["--user", user(1)], ["--since", "1d"]])
def test_where_a_worker_did_all_of_it_that_is_told(
    place: Records, soloface: Soloface, monkeypatch: pytest.MonkeyPatch, wish: list[object]
) -> None:
    def late(rematching: Rematching, *_rest: Any) -> Any:  # noqa: ANN401 - passed on
        with ThreadPoolExecutor(1) as worker:
            worker.submit(work, place).result()
        return _STEP(rematching, *_rest)

    with monkeypatch.context() as patched:
        patched.setattr(Rematching, "step", late)
        done = soloface("rematch", *wish)

    assert done.code == 0
    assert "workers were faster" in done.out
    assert "no face of" not in done.out


_STEP = Rematching.step


def work(records: Records, steps: int = 1000) -> None:
    """Be a worker for some steps, or until nothing waits."""
    with closing(rematching_of(records)) as rematching:
        for _ in range(steps):
            if _STEP(rematching) is None:
                return
