"""Searches in galleries that are drawn, and ways to say who is near enough."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.accuracy.crossing import crossed, most_unlike, nearest_people
from benchmarks.accuracy.faces import together
from benchmarks.accuracy.galleries import carried, compared, derived, limit_for, sizes
from benchmarks.accuracy.identification import identify_all
from benchmarks.accuracy.limits import FPIRS, WAYS, curve, fixed, right_tags, with_margin
from benchmarks.accuracy.resampling import person_weights
from benchmarks.accuracy.searches import NEIGHBOURS, Searches, drawn_for, search
from tests.unit.accuracy.people import faces_at, faces_of
from tests.unit.accuracy.test_verification import table

SEEDS = st.tuples(st.integers(4, 20), st.integers(1, 4), st.floats(0.3, 0.95), st.integers(0, 99))


@given(SEEDS, st.booleans())
def test_everybody_sought_is_enrolled_by_another_photo_or_a_stranger(
    made: tuple[int, int, float, int],
    strangers: bool,  # noqa: FBT001 - hypothesis
) -> None:
    faces = faces_of(*made)
    people, photos = made[:2]
    found = search(faces, strangers=strangers, draws=3)

    outside = people // 3 if strangers else 0
    assert found.users == people - outside
    assert found.enrolled.sum() == 3 * found.users * (photos - 1)
    assert (~found.enrolled).sum() == 3 * outside * photos
    assert found.near.shape[1] == min(found.users, NEIGHBOURS + 1)
    assert (np.diff(found.near, axis=1) >= 0).all()
    assert not (found.first & ~found.enrolled).any()


@given(st.integers(2, 60), st.integers(4, 200))
def test_a_gallery_has_the_size_that_was_asked_for(users: int, people: int) -> None:
    drawn = drawn_for(users)

    assert drawn - drawn // 3 == users
    offered = sizes(people)
    assert offered == sorted(set(offered))
    assert offered[-1] == people - people // 3


def test_all_are_found_who_look_like_nobody_else() -> None:
    faces = faces_of(12, 3, 0.99)
    found = identify_all(faces, person_weights(12), 0.2)

    assert found.users == 8
    for share in (found.rank_1, found.leave_one_out, found.right):
        assert (share == 1).all()
    for share in (found.wrong, found.none, found.fpir):
        assert (share == 0).all()
    assert identify_all(faces, person_weights(12), 2.0).fpir[0] == 1


@settings(max_examples=15)  # each draws all people 400 times
@given(SEEDS, st.floats(0, 1.5))
def test_each_photo_of_an_enrolled_person_is_right_wrong_or_untagged(
    made: tuple[int, int, float, int], threshold: float
) -> None:
    people, photos, similarity, seed = made
    faces = faces_of(people, photos + 1, similarity, seed)
    found = identify_all(faces, person_weights(people), threshold)

    assert found.right + found.wrong + found.none == pytest.approx(np.ones(len(found.right)))


def searches(*rows: tuple[int, bool, bool, float, float]) -> Searches:
    """Owner, enrolled, first, and the two nearest distances."""
    owner, enrolled, first, one, two = zip(*rows, strict=True)
    near = np.stack([one, two], axis=1).astype(np.float64)
    return Searches(2, np.array(owner), np.array(enrolled), np.array(first), near)


def test_right_tags_are_counted_up_to_the_strangers_that_may_be_tagged() -> None:
    strangers = [(9, False, False, 0.30 + place / 1000, 0.9) for place in range(100)]
    found = searches(
        (0, True, True, 0.1, 0.9),
        (1, True, True, 0.3005, 0.9),
        (2, True, True, 0.33, 0.9),
        (3, True, False, 0.2, 0.9),
        *strangers,
    )
    right = right_tags(found, fixed, np.ones((1, 10)))

    assert FPIRS == (0.01, 0.02, 0.05)
    assert [share[0] for share in right.values()] == [0.5, 0.5, 0.5]
    fpir, tagged = curve(found, fixed)
    assert (fpir[-1], tagged[-1]) == (1, 0.75)
    assert np.interp(0.5, fpir, tagged) == 0.75


def test_a_margin_lets_nobody_pass_who_is_near_to_two() -> None:
    found = searches((0, True, True, 0.3, 0.32), (1, True, True, 0.4, 0.8), (2, False, False, 1, 1))

    assert with_margin(0.05)(found.near).tolist() == [np.inf, 0.4, np.inf]
    assert right_tags(found, with_margin(0.05), np.ones((1, 3)))[0.05][0] == 0.5
    assert right_tags(found, fixed, np.ones((1, 3)))[0.05][0] == 1


def test_a_normalised_distance_tells_a_crowd_of_look_alikes_from_one() -> None:
    """A photo that is near to everybody is near to its own user by no merit."""
    rng = np.random.default_rng(0)
    crowd = rng.integers(0, 2, 400).astype(bool)
    others = np.where(crowd[:, None], 0.5, 0.9) + rng.normal(0, 0.01, (400, 10))
    own = np.where(crowd, 0.3, 0.7) + rng.normal(0, 0.03, 400)
    enrolled = rng.integers(0, 2, 400).astype(bool)
    others_twice = np.column_stack([others, others[:, 0]])
    near = np.where(enrolled[:, None], np.column_stack([own, others]), others_twice)
    found = Searches(11, np.arange(400), enrolled, enrolled, np.sort(near))
    weights = np.ones((1, 400))

    plain = right_tags(found, fixed, weights)[0.01][0]
    normalised = right_tags(found, WAYS["less the next users' mean"], weights)[0.01][0]

    assert plain < 0.7
    assert normalised > 0.95


def test_the_gain_is_over_the_fixed_distance_which_gains_nothing() -> None:
    rows = compared(faces_of(30, 3, 0.7), 10)

    assert [row.fpir for row in rows] == list(FPIRS)
    for row in rows:
        assert row.users == 10
        gain = row.gain["fixed distance"]
        assert (gain.value, gain.low, gain.high) == (0, 0, 0)
        assert row.right.keys() == row.gain.keys() == WAYS.keys()


def test_a_limit_made_on_other_sets_keeps_to_the_rate_there() -> None:
    scores = [np.arange(100) / 100, np.arange(50) / 50 + 0.5]

    limit = limit_for(scores, 0.05)

    assert 0.09 <= limit < 0.1
    assert sum(np.mean(one <= limit) for one in scores) / 2 <= 0.05
    assert limit_for([np.full(3, np.inf), np.array([np.inf])], 0.05) == -np.inf


def test_limits_are_carried_to_each_set_from_the_others() -> None:
    groups = [faces_of(15, 3, 0.8, seed, f"set {seed}") for seed in range(3)]

    held = carried(groups, 0.05)

    assert len(held) == 3 * len(WAYS)
    assert {one.name for one in held} == {"set 0", "set 1", "set 2"}
    assert all(one.fpir.value < 0.3 for one in held if one.way == "fixed distance")


def test_a_larger_gallery_gets_a_smaller_distance() -> None:
    held = list(derived(faces_of(40, 3, 0.8), table("a", 40, 0.7, 0.6, 0.5).limits, {}, 0.1))

    assert [one.users for one in held] == [10, 20, 27]
    assert [one.limit for one in held] == sorted((one.limit for one in held), reverse=True)
    assert held[0].limit == pytest.approx(0.6)


def test_people_of_two_sets_are_compared_with_one_another() -> None:
    one, other = faces_at((0, 10), (90, 100), name="one"), faces_at((5,), (200,), name="other")

    found = {(row.one, row.other): row for row in crossed([one, other], 0.1)}

    between = found["one", "other"]
    assert between.pairs == 8
    assert between.far.value == pytest.approx(2 / 8)
    assert between.far.low <= 2 / 8 <= between.far.high
    assert found["one", "one"].far.value == 0
    assert found["one", "one"].pairs == 4


def test_one_person_in_two_sets_is_no_pair_of_different_people() -> None:
    one, other = faces_at((0, 10), (90, 100), name="one"), faces_at((5,), (200,), name="other")
    other = other.renamed({"other/0": "one/0"})

    found = {(row.one, row.other): row for row in crossed([one, other], 0.1)}

    assert (found["one", "other"].pairs, found["one", "other"].far.value) == (6, 0)
    assert together([one, other]).names == ["one/0", "one/1", "other/1"]


def test_the_nearest_people_are_named() -> None:
    near, *_ = nearest_people(faces_at((0, 20), (12, 14), (90, 100)), 2)

    assert {near.one, near.other} == {"plane/0", "plane/1"}
    assert near.distance == pytest.approx(1 - np.cos(np.radians(3)), abs=1e-4)


def test_people_whose_photos_may_be_of_two_are_named_and_those_with_one_photo_are_not() -> None:
    first, second = most_unlike(faces_at((0, 90), (120, 150), (200,)), 3)

    assert (first.person, second.person) == ("plane/0", "plane/1")
    assert first.distance == pytest.approx(1, abs=1e-6)
    assert second.distance == pytest.approx(1 - np.cos(np.radians(30)), abs=1e-6)
