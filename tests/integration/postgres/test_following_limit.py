"""A limit that follows the number of users: one for all workers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from connectors.postgres.photos.limits import Limits, NotedLimits
from connectors.postgres.photos.recorder import Recorder, _Proposal
from connectors.postgres.session import Connection
from connectors.postgres.setup import migrate as migrating
from connectors.postgres.setup.migrate import migrate, migrations
from connectors.postgres.sql_files import query
from dataflow.gallery.limit import FollowingLimit
from dataflow.gallery.search import Plan
from dataflow.jobs.reason import Reason
from dataflow.settings import DatabaseSettings
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised
from tests.builders import DIMENSION, photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, connected, face
from tests.fixtures.rematching import rematching_of, settle

WIDE, NARROW, TINY = 0.3, 0.1, 0.02
FOLLOWS = FollowingLimit(0.01, 1e-9, (WIDE, WIDE, NARROW, TINY))
"""The limit is wide for up to two users, narrow for up to four, tiny for more."""
FAR_AWAY = (100, 140, 180)
"""Directions, in degrees, in which no face of these tests is."""
NEITHER = MatchPolicy(THRESHOLD)
INTO = "insert into face_match_limits (model, threshold, max_distance, min_margin, version) values"


def noted(limits: Limits) -> NotedLimits:
    found = limits.of(MODEL)
    assert found
    return found


def enrol_others(records: Records, *numbers: int) -> None:
    """Users who are near to nobody."""
    for number in numbers:
        records.add_user(number, FAR_AWAY[number % len(FAR_AWAY)] + number)


def test_a_worker_that_starts_derives_the_limit_for_the_users_that_there_are(
    records: Records, limits: Limits
) -> None:
    assert limits.note(MODEL, NEITHER, FOLLOWS) is None
    assert (noted(limits).policy.max_distance, noted(limits).users) == (WIDE, 1)

    enrol_others(records, 2, 3, 4, 5, 6)
    records.add_user(7, 0, model="another")
    limits.note(MODEL, NEITHER, FOLLOWS)

    assert (noted(limits).policy.max_distance, noted(limits).users) == (TINY, 8)
    assert noted(limits).follows == FOLLOWS
    assert noted(limits).wanted == {"max_fpir": 0.01, "max_distance": None, "min_margin": None}


def test_of_a_distance_that_is_set_as_well_the_smaller_counts(
    records: Records, limits: Limits
) -> None:
    limits.note(MODEL, MatchPolicy(THRESHOLD, 0.2), FOLLOWS)
    assert noted(limits).policy.max_distance == 0.2
    assert noted(limits).wanted == {"max_fpir": 0.01, "max_distance": 0.2, "min_margin": None}

    enrol_others(records, 2, 3, 4)
    with closing(rematching_of(records)) as rematching:
        settle(rematching)

    assert noted(limits).policy.max_distance == NARROW


def test_the_limit_follows_those_who_enrol_and_leave_and_so_do_the_tags(
    records: Records, limits: Limits
) -> None:
    records.add_photos(1, 2)
    records.add_user(1, 0)
    limits.note(MODEL, NEITHER, FOLLOWS)
    records.recorder().record([face(1, 10), face(2, 40)])
    assert set(records.matches()) == {photo(1), photo(2)}

    with closing(rematching_of(records)) as rematching:
        enrol_others(records, 2, 3)
        with capture_logs() as logs:
            settle(rematching)
        assert (noted(limits).policy.max_distance, noted(limits).users) == (NARROW, 4)
        assert set(records.matches()) == {photo(1)}
        assert records.outcome(2)["reason"] == Reason.NO_USER_WITHIN_DISTANCE
        (line,) = [line for line in logs if line["event"] == "limit_follows_gallery"]
        assert line["far"] == pytest.approx(1 - 0.99 ** (1 / 4))
        assert {name: line[name] for name in ("users", "max_distance", "before", "max_fpir")} == {
            "users": 4,
            "max_distance": NARROW,
            "before": WIDE,
            "max_fpir": 0.01,
        }

        records.run("delete from users where id = %s", user(2))
        settle(rematching)
        assert (noted(limits).policy.max_distance, noted(limits).users) == (WIDE, 2)
        assert set(records.matches()) == {photo(1), photo(2)}

        records.run("truncate users cascade")
        settle(rematching)
        assert noted(limits).users == 1


def test_workers_with_other_settings_match_by_the_limit_that_was_noted_last(
    records: Records, limits: Limits
) -> None:
    records.add_photos(1, 2)
    records.add_user(1, 0)
    limits.note(MODEL, NEITHER, FOLLOWS)
    enrol_others(records, 2, 3)
    with closing(rematching_of(records, max_distance=None)) as rematching:
        settle(rematching)

    for number, own in ((1, None), (2, 2.0)):
        (answer,) = records.recorder(own).record([face(number, 40)])
        assert answer.reason is Reason.NO_USER_WITHIN_DISTANCE

    limits.note(MODEL, MatchPolicy(THRESHOLD, WIDE))  # one that does not follow
    with closing(rematching_of(records, max_distance=None)) as rematching:
        settle(rematching)
        enrol_others(records, 4, 5, 6)
        settle(rematching)
    assert noted(limits).policy.max_distance == WIDE
    assert noted(limits).follows is None
    assert set(records.matches()) == {photo(1), photo(2)}


class Slow(Recorder):
    """Has searched and decided, and takes its time before it writes."""

    decided = threading.Event()
    go_on = threading.Event()

    def _propose(
        self, connection: Connection, faces: Sequence[Recognised], plan: Plan
    ) -> list[_Proposal]:
        proposals = super()._propose(connection, faces, plan)
        self.decided.set()
        assert self.go_on.wait(30)
        return proposals


def test_a_job_under_way_while_the_limit_moves_is_matched_again(
    records: Records, limits: Limits
) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    limits.note(MODEL, NEITHER, FOLLOWS)
    recorder = records.recorder(kind=Slow)

    def job() -> Reason:
        with closing(recorder):
            return recorder.record([face(1, 40)])[0].reason

    def match_again() -> None:
        with closing(rematching_of(records)) as rematching:
            settle(rematching)

    match_again()
    with ThreadPoolExecutor(2) as pool:
        recorded = pool.submit(job)
        assert Slow.decided.wait(30)
        enrol_others(records, 2, 3)
        again = pool.submit(match_again)  # it waits at the gate for the job
        Slow.go_on.set()
        assert recorded.result() is Reason.MATCHED
        again.result()

    assert records.matches() == {}
    assert records.outcome(1)["reason"] == Reason.NO_USER_WITHIN_DISTANCE


def test_several_workers_that_follow_at_once_make_one_step(
    records: Records, limits: Limits
) -> None:
    limits.note(MODEL, NEITHER, FOLLOWS)
    enrol_others(records, 2, 3, 4)
    records.run("delete from face_rematches where model is not null")

    def work(_index: int) -> None:
        with closing(rematching_of(records)) as rematching:
            settle(rematching)

    with capture_logs() as logs, ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert [line["users"] for line in logs if line["event"] == "limit_follows_gallery"] == [4]
    assert noted(limits).users == 4


def test_how_far_users_are_looked_at_is_the_same_in_both_languages(records: Records) -> None:
    rows = "('no margin', 0.4, 0.5, null, 'x'), ('margin', 0.4, 0.5, 0.3, 'x')"
    records.run(f"{INTO} {rows}, ('none', 0.4, null, 0.3, 'x')")

    exact = {r["model"]: r["exact_to"] for r in records.run("select * from face_match_limits")}

    assert exact == {
        "no margin": MatchPolicy(THRESHOLD, 0.5).reach,
        "margin": MatchPolicy(THRESHOLD, 0.5, 0.3).reach,
        "none": MatchPolicy(THRESHOLD, None, 0.3).reach,
    }


@pytest.mark.parametrize(
    "statement",
    [
        "update face_match_limits set max_distance = 0.25",
        # That of version 0007.
        (
            f"{INTO} ('{MODEL}', 0.4, 0.25, null, 'x') on conflict (model) do update set "
            "threshold = excluded.threshold, max_distance = excluded.max_distance, "
            "min_margin = excluded.min_margin, version = excluded.version, noted_at = now()"
        ),
    ],
)
def test_whoever_writes_the_distance_alone_sets_it(
    records: Records, limits: Limits, statement: str
) -> None:
    limits.note(MODEL, NEITHER, FOLLOWS)
    records.run(statement)

    now = noted(limits)
    assert (now.policy.max_distance, now.fixed, now.follows, now.users) == (0.25, 0.25, None, None)

    enrol_others(records, 2, 3, 4, 5, 6)
    with closing(rematching_of(records)) as rematching:
        settle(rematching)
    assert noted(limits).policy.max_distance == 0.25


def test_a_step_that_was_not_committed_is_made_by_the_next_one(
    records: Records, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    limits.note(MODEL, NEITHER, FOLLOWS)
    records.recorder().record([face(1, 40)])
    with closing(rematching_of(records)) as rematching:
        settle(rematching)
    enrol_others(records, 2, 3)

    def dies_at_the_gate(name: str) -> str:
        if name == "wait_at_gate":
            raise InterruptedError
        return query(name)

    with monkeypatch.context() as patched, closing(rematching_of(records)) as rematching:
        patched.setattr("connectors.postgres.tags.rematching.query", dies_at_the_gate)
        with pytest.raises(InterruptedError):
            rematching.step()
    assert noted(limits).users == 1

    with closing(rematching_of(records)) as rematching:
        settle(rematching)
    assert (noted(limits).users, records.matches()) == (4, {})


def test_limits_that_an_earlier_version_has_noted_are_fixed_ones(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(dsn=SecretStr(database_dsn))
    before = [path for path in migrations() if path.name < "0008"]
    with monkeypatch.context() as patched:
        patched.setattr(migrating, "migrations", lambda: before)
        migrate(settings, DIMENSION)
    with connected(settings) as records:
        records.run(f"{INTO} ('some', 0.4, 0.5, 0.3, 'x'), ('none', 0.4, null, null, 'x')")
        records.run("truncate face_rematches")

        migrate(settings, DIMENSION)

        rows = records.run("select * from face_match_limits order by model")
        assert [(row["fixed_distance"], row["exact_to"]) for row in rows] == [
            (None, float("inf")),
            (0.5, 0.8),
        ]
        assert records.run("select 1 from face_rematches") == []
