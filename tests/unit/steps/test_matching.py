"""Who is it?"""

from __future__ import annotations

import pytest

from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import Candidate, MatchPolicy, Said
from tests.builders import user

THRESHOLD = 0.5


def nearest(*distances: float) -> list[Candidate]:
    """User 1 at the first distance, user 2 at the second."""
    return [Candidate(user(n), distance) for n, distance in enumerate(distances, 1)]


@pytest.mark.parametrize(
    ("distances", "max_distance", "min_margin", "reason"),
    [
        ([0.3], None, None, Reason.MATCHED),
        ([1.9], None, None, Reason.MATCHED),
        ([0.3, 0.3], None, None, Reason.MATCHED),
        ([0.3], 0.3, None, Reason.MATCHED),
        ([0.31], 0.3, None, Reason.NO_USER_WITHIN_DISTANCE),
        ([0.0], 0.0, None, Reason.MATCHED),
        ([0.1], 0.0, None, Reason.NO_USER_WITHIN_DISTANCE),
        ([0.25, 0.5], None, 0.25, Reason.MATCHED),
        ([0.25, 0.375], None, 0.25, Reason.AMBIGUOUS),
        ([0.25, 0.25], None, 0.0, Reason.MATCHED),
        ([0.25], None, 2.0, Reason.MATCHED),
        ([0.25, 0.26], 0.2, 0.1, Reason.NO_USER_WITHIN_DISTANCE),
        ([0.25, 0.26], 0.3, 0.1, Reason.AMBIGUOUS),
        ([0.25, 0.45], 0.3, 0.1, Reason.MATCHED),
    ],
)
def test_the_nearest_user_is_the_answer_unless_a_set_limit_says_no(
    distances: list[float], max_distance: float | None, min_margin: float | None, reason: Reason
) -> None:
    policy = MatchPolicy(THRESHOLD, max_distance, min_margin)
    margin = distances[1] - distances[0] if len(distances) > 1 else None
    within = distances[0] <= THRESHOLD
    expected = Match(user(1), distances[0], within_threshold=within, margin=margin)
    assert policy.decide(nearest(*distances)) == (reason, expected)


@pytest.mark.parametrize("max_distance", [None, 2.0])
def test_without_users_nobody_is_recorded(max_distance: float | None) -> None:
    policy = MatchPolicy(THRESHOLD, max_distance, min_margin=0.1)
    assert policy.decide([]) == (Reason.NO_ENROLLED_USERS, None)


@pytest.mark.parametrize(
    ("distance", "within"), [(0.0, True), (0.5, True), (0.500001, False), (2.0, False)]
)
def test_the_models_threshold_is_reported_and_decides_nothing(
    distance: float,
    within: bool,  # noqa: FBT001 - a table's column
) -> None:
    reason, match = MatchPolicy(THRESHOLD).decide(nearest(distance))
    assert reason is Reason.MATCHED
    assert match == Match(user(1), distance, within)


def test_a_rejected_user_makes_way_for_the_next_nearest_and_counts_for_no_margin() -> None:
    said = Said(rejected=frozenset({user(1)}))
    reason, match = MatchPolicy(THRESHOLD, min_margin=0.1).decide(nearest(0.1, 0.2, 0.5), said)
    assert reason is Reason.MATCHED
    assert match
    assert match.user_id == user(2)
    assert match.margin == pytest.approx(0.3)


def test_the_next_nearest_user_has_to_be_near_enough_like_any_other() -> None:
    said = Said(rejected=frozenset({user(1)}))
    reason, match = MatchPolicy(THRESHOLD, max_distance=0.4).decide(nearest(0.1, 0.6), said)
    assert reason is Reason.NO_USER_WITHIN_DISTANCE
    assert match == Match(user(2), 0.6, within_threshold=False)


def test_where_everybody_was_rejected_nobody_is_near() -> None:
    said = Said(rejected=frozenset({user(1), user(2)}))
    assert MatchPolicy(THRESHOLD).decide(nearest(0.1, 0.2), said) == (
        Reason.NO_USER_WITHIN_DISTANCE,
        None,
    )


def test_a_confirmed_user_is_the_answer_at_any_distance() -> None:
    policy = MatchPolicy(THRESHOLD, max_distance=0.4, min_margin=0.5)
    reason, match = policy.decide(nearest(0.1, 0.9), Said(confirmed=user(2)))
    assert reason is Reason.MATCHED
    assert match == Match(user(2), 0.9, within_threshold=False)


@pytest.mark.parametrize("distances", [(), (0.1,), (0.1, 0.2)])
def test_a_confirmed_user_who_cannot_be_compared_is_the_answer_without_a_distance(
    distances: tuple[float, ...],
) -> None:
    policy = MatchPolicy(THRESHOLD, max_distance=0.4, min_margin=0.5)
    answer = policy.decide(nearest(*distances), Said(confirmed=user(7)))
    assert answer == (Reason.MATCHED, Match(user(7), None, None))


def test_a_photo_that_shows_nobody_has_no_answer_however_near_somebody_is() -> None:
    said = Said(nobody=True)
    assert MatchPolicy(THRESHOLD).decide(nearest(0.0), said) == (Reason.NOBODY, None)


def test_where_a_gallery_is_required_nobody_is_found_without_one_unless_somebody_said_so() -> None:
    policy = MatchPolicy(THRESHOLD, gallery_required=True)
    assert policy.decide(nearest(0.1)) == (Reason.MISSING_GALLERY, None)
    assert policy.decide(nearest(0.1), gallery="hall")[0] is Reason.MATCHED
    assert policy.decide([], Said(confirmed=user(3)))[0] is Reason.MATCHED
    assert policy.decide([], Said(nobody=True))[0] is Reason.NOBODY
