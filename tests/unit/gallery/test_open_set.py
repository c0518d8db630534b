"""FPIR and FNIR of galleries of any size, from the people at hand."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.gallery.calibration import identify
from dataflow.gallery.made_up import Vectors, unit
from dataflow.gallery.open_set import Searches
from tests.unit.gallery.test_calibration import album

DISTANCES = st.floats(0, 1.5)
SEEDS = st.integers(0, 2**32 - 1)


def by_hand(faces: Vectors, people: list[str], distance: float, users: int) -> tuple[float, float]:
    """FPIR and FNIR over every gallery that can be drawn, one by one."""
    names = sorted(set(people))
    rows = np.array(people)
    fooled, missed = [], []
    for place, person in enumerate(people):
        others = [name for name in names if name != person]
        away = {
            n: 1 - float(faces[place] @ unit(faces[rows == n].sum(axis=0)[None])[0]) for n in others
        }
        fooled += [
            any(away[name] <= distance for name in drawn) for drawn in combinations(others, users)
        ]
        mine = faces[(rows == person) & (np.arange(len(people)) != place)]
        own = 1 - float(faces[place] @ unit(mine.sum(axis=0)[None])[0])
        missed += [
            own > distance or any(away[name] < own for name in drawn)
            for drawn in combinations(others, users - 1)
        ]
    return fmean(fooled), fmean(missed)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(3, 6), st.integers(1, 5), DISTANCES)
def test_rates_are_those_of_every_gallery_that_can_be_drawn(
    seed: int, people: int, users: int, distance: float
) -> None:
    faces, names = album(people, 3, seed, 0.6)
    users = min(users, people - 1)
    searches = Searches(faces, names)
    fpir, fnir = by_hand(faces, names, distance, users)
    missed = searches.fnir(distance, users)

    assert searches.fpir(distance, users).value == pytest.approx(fpir, abs=1e-9)
    assert missed
    assert missed.value == pytest.approx(fnir, abs=1e-9)
    low, high = missed.range_95
    assert 0 <= low <= missed.value + 1e-9
    assert missed.value - 1e-9 <= high <= 1


@settings(max_examples=25, deadline=None)
@given(SEEDS, DISTANCES)
def test_more_users_mean_more_wrong_tags_also_beyond_the_people_at_hand(
    seed: int, distance: float
) -> None:
    searches = Searches(*album(8, 2, seed, 0.7))

    rates = [searches.fpir(distance, users).value for users in (1, 3, 7, 8, 20, 1000)]
    missed = [rate.value for users in (1, 7, 8, 50) if (rate := searches.fnir(distance, users))]

    assert rates == sorted(rates)
    assert missed == pytest.approx(sorted(missed), abs=1e-9)


def test_among_everybody_the_rates_are_those_of_identification() -> None:
    faces, names = album(30, 3, 5, 0.75)
    found = identify(faces, names, 0.5)
    searches = Searches(faces, names)

    assert searches.fpir(0.5, 29).value == pytest.approx(found.fpir.value)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0.02, 0.5), st.integers(1, 60))
def test_a_recommended_distance_keeps_to_the_wanted_fpir_and_a_larger_one_would_not(
    seed: int, wanted: float, users: int
) -> None:
    searches = Searches(*album(20, 3, seed, 0.7))

    found = searches.recommend(wanted, users)

    assert found.is_reckoned == (users > 19)
    if found.distance is None:
        assert found.photos_needed > 60
        return
    assert found.fpir
    assert found.fpir.value <= wanted
    assert found.distance == 2 or searches.fpir(found.distance + 0.001, users).value > wanted


def test_too_few_photos_are_said_with_how_many_it_takes() -> None:
    searches = Searches(*album(20, 3, 1, 0.7))

    found = searches.recommend(0.001, 1000)

    assert (found.distance, found.fpir, found.fnir) == (None, None, None)
    assert found.photos_needed == pytest.approx(3 * 1000 / (0.001 * 19), rel=0.01)


@given(st.integers(2, 60), st.integers(1, 4), st.integers(1, 100_000))
def test_the_smallest_fpir_that_the_photos_tell_can_be_asked_for_and_a_smaller_one_cannot(
    people: int, photos: int, users: int
) -> None:
    searches = Searches(*album(people, photos, 1, 0.7))
    least = searches.recommend(1e-9, users).least_fpir

    if least is None:
        return
    assert searches.recommend(least, users).photos_needed <= people * photos
    assert searches.recommend(0.85 * least, users).photos_needed > people * photos


def test_one_photo_of_each_person_tells_the_fpir_but_no_fnir() -> None:
    found = Searches(*album(40, 1, 1, 0.7)).recommend(0.2, 10)

    assert found.distance
    assert found.fpir
    assert found.fnir is None
