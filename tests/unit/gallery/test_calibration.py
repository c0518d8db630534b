"""Error rates and thresholds: what is counted, what is recommended, what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.gallery.calibration import Pairs, identify
from dataflow.gallery.intervals import most_when_none, wilson
from dataflow.gallery.made_up import Vectors, disturbed, unit

PEOPLE_SEEDS = st.tuples(
    st.integers(2, 12), st.integers(2, 5), st.integers(0, 2**32 - 1), st.floats(0.1, 0.99)
)
FARS = st.floats(1e-6, 1)


def album(people: int, photos: int, seed: int, similarity: float) -> tuple[Vectors, list[str]]:
    """So many made-up people with so many photos each, at a similarity to what they look like."""
    rng = np.random.default_rng(seed)
    looks = unit(rng.standard_normal((people, 16), dtype=np.float32))
    each = np.repeat(looks, photos, axis=0)
    names = [f"person {number // photos}" for number in range(len(each))]
    return disturbed(each, rng, (similarity, similarity)), names


def degrees(*angles: float) -> Vectors:
    """Unit vectors in a plane."""
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_every_pair_is_counted_once_on_its_side() -> None:
    pairs = Pairs(degrees(0, 60, 180), ["ana", "ana", "bea"])

    assert pairs.genuine == pytest.approx([0.5], abs=1e-6)
    assert pairs.impostor == pytest.approx([1.5, 2], abs=1e-6)
    assert (pairs.people, pairs.photos, pairs.single) == (2, 3, 1)


def test_a_threshold_takes_the_pairs_up_to_it() -> None:
    pairs = Pairs(degrees(0, 60, 180), ["ana", "ana", "bea"])

    strict, middle, loose = (pairs.at(threshold) for threshold in (0.4, 0.6, 1.6))

    assert (strict.tar.value, strict.far.value) == (0, 0)
    assert (middle.tar.value, middle.far.value) == (1, 0)
    assert (loose.tar.value, loose.far.value) == (1, 0.5)


@given(PEOPLE_SEEDS, FARS)
def test_a_recommended_threshold_keeps_to_the_wanted_far_and_a_larger_one_would_not(
    made: tuple[int, int, int, float], far: float
) -> None:
    pairs = Pairs(*album(*made))
    threshold = pairs.threshold_for(far)

    assert 0 <= threshold <= 2
    if threshold > 0:
        assert pairs.at(threshold).far.value <= far + 1e-9
    if threshold < 2:
        assert pairs.at(threshold + 0.0011).far.value > far - 1e-9


@given(PEOPLE_SEEDS, st.lists(st.floats(0, 2), min_size=2, max_size=6))
def test_both_rates_grow_with_the_threshold_and_lie_within_their_intervals(
    made: tuple[int, int, int, float], thresholds: list[float]
) -> None:
    pairs = Pairs(*album(*made))
    points = [pairs.at(threshold) for threshold in sorted(thresholds)]

    for rates in ([p.far.value for p in points], [p.tar.value for p in points]):
        assert rates == sorted(rates)
    for share in (share for point in points for share in (point.far, point.tar)):
        low, high = share.range_95
        assert 0 <= low <= share.value <= high <= 1


@given(PEOPLE_SEEDS, FARS)
def test_a_far_that_so_few_pairs_cannot_tell_is_refused(
    made: tuple[int, int, int, float], far: float
) -> None:
    pairs = Pairs(*album(*made))
    advice = pairs.recommend(far)

    assert (advice.point is None) == (far * len(pairs.impostor) < 3)
    assert (advice.objection is None) == (advice.point is not None)


def test_who_asks_for_too_much_is_told_how_many_pairs_it_takes() -> None:
    advice = Pairs(*album(5, 11, 1, 0.8)).recommend(0.001)

    assert advice.point is None
    assert advice.objection
    assert "1210 pairs" in advice.objection
    assert "that needs 3000 pairs" in advice.objection


@pytest.mark.parametrize(("similarity", "low", "high"), [(0.99, 0, 0), (0.1, 0.4, 0.6)])
def test_the_equal_error_rate_tells_clear_people_from_noise(
    similarity: float, low: float, high: float
) -> None:
    rate = Pairs(*album(20, 4, 1, similarity)).equal_error_rate()

    assert rate is not None
    assert low <= rate <= high


def test_one_photo_of_each_person_tells_nothing_about_one_person() -> None:
    pairs = Pairs(*album(20, 1, 1, 0.9))

    assert pairs.equal_error_rate() is None
    assert (pairs.at(0.5).tar.of, pairs.at(0.5).far.of) == (0, 190)


def test_people_who_differ_widen_the_interval_beyond_what_their_pairs_say() -> None:
    faces, names = album(6, 12, 3, 0.75)
    share = Pairs(faces, names).at(0.55).tar
    assert share.people_95

    low, high = share.range_95

    assert low <= share.pairs_95[0]
    assert high >= share.pairs_95[1]


def test_a_photo_is_sought_among_all_without_its_own_help() -> None:
    faces = degrees(0, 10, 90, 100, 180)
    found = identify(faces, ["ana", "ana", "bea", "bea", "cleo"], threshold=0.1)

    assert found.people == 3
    assert (found.rank_1.count, found.rank_1.of) == (4, 4)  # Cleo has one photo only
    assert found.fnir.count == 0
    assert (found.fpir.count, found.fpir.of) == (0, 5)


def test_who_is_too_far_is_not_found_and_who_is_near_to_another_is_taken_for_them() -> None:
    faces = degrees(0, 60, 5, 170)
    found = identify(faces, ["ana", "ana", "bea", "bea"], threshold=0.4)

    assert found.fnir.count == 4
    assert found.fpir.count == 2  # Ana's second photo is near Bea's mean, Bea's first near Ana's


@given(PEOPLE_SEEDS, st.floats(0, 2))
def test_every_photo_is_right_wrong_or_not_found(
    made: tuple[int, int, int, float], threshold: float
) -> None:
    found = identify(*album(*made), threshold)

    assert found.rank_1.of == found.fnir.of == made[0] * made[1]
    assert found.rank_1.of - found.rank_1.count <= found.fnir.count


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_the_share_it_belongs_to(hits: int, misses: int) -> None:
    trials = hits + misses
    low, high = wilson(hits, trials)

    assert 0 <= low <= high <= 1
    if trials:
        assert low <= hits / trials <= high


def test_intervals_are_those_of_the_books() -> None:
    assert wilson(5, 100) == pytest.approx((0.0215, 0.1118), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert most_when_none(300) == pytest.approx(0.01, abs=1e-4)
    assert most_when_none(0) == 1
