"""Pairs judged with intervals, and the distance for a FAR."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.accuracy.far_table import Limit, Population, distance_for, population, worst
from benchmarks.accuracy.impostors import TABLE_FARS
from benchmarks.accuracy.judging import compare, judge
from benchmarks.accuracy.resampling import figure, person_weights, ratio
from benchmarks.accuracy.verification import verify
from dataflow.gallery.calibration import Pairs
from tests.unit.accuracy.people import faces_at, faces_of

SEEDS = st.tuples(st.integers(8, 20), st.integers(2, 4), st.floats(0.3, 0.95), st.integers(0, 99))


@settings(max_examples=15)  # each draws all people 400 times
@given(SEEDS)
def test_the_value_is_what_calibrate_says_and_lies_in_its_interval(
    made: tuple[int, int, float, int],
) -> None:
    faces = faces_of(*made)
    pairs = Pairs(faces.embeddings, faces.people)
    found = verify(pairs, person_weights(len(faces.names)))
    assert found

    eer = figure(found.eer)
    assert eer.value == pytest.approx(pairs.equal_error_rate(), abs=0.02)
    assert 0 <= eer.low <= eer.value <= eer.high <= 1
    for far, share in found.tar.items():
        limit = float(found.distance[far][0]) if far in found.distance else 0
        assert far >= pairs.least_far
        if far not in found.extrapolated:
            assert share[0] == pytest.approx(pairs.at(limit).tar.value)
            assert pairs.at(limit).far.value <= far


def test_the_area_is_the_chance_that_a_pair_of_one_person_is_nearer() -> None:
    faces = faces_at((0, 30), (60, 100), (170,), (250,))
    pairs = Pairs(faces.embeddings, faces.people)
    found = verify(pairs, person_weights(4))
    assert found

    wins = np.mean(pairs.genuine[:, None] < pairs.impostor[None, :])
    ties = np.mean(np.isclose(pairs.genuine[:, None], pairs.impostor[None, :]))
    assert found.auc[0] == pytest.approx(wins + ties / 2, abs=0.02)


def test_a_draw_counts_a_person_with_all_photos_as_often_as_drawn() -> None:
    faces = faces_of(6, 3, 0.7)
    pairs = Pairs(faces.embeddings, faces.people)
    weights = np.array([[1.0] * 6, [2.0] * 6, [1, 1, 1, 1, 1, 0]])
    found = verify(pairs, weights)
    without = [name != faces.names[5] for name in faces.people]
    fewer = Pairs(faces.embeddings[without], [n for n in faces.people if n != faces.names[5]])
    alone = verify(fewer, person_weights(5))
    assert found
    assert alone

    assert found.auc[1] == pytest.approx(found.auc[0])
    assert found.auc[2] == pytest.approx(alone.auc[0])
    assert found.eer[2] == pytest.approx(alone.eer[0])


def test_pairs_of_one_kind_tell_nothing() -> None:
    faces = faces_at((0,), (90,), (180,), (270,))

    assert verify(Pairs(faces.embeddings, faces.people), person_weights(4)) is None
    assert judge(faces, 0.5) is None


def test_the_smaller_the_far_the_smaller_the_distance_and_few_pairs_are_said_to_be_few() -> None:
    judged = judge(faces_of(40, 3, 0.8), 0.5)
    assert judged
    told = population(judged)

    assert [limit.far for limit in told.limits] == list(TABLE_FARS)
    distances = [limit.distance for limit in told.limits]
    assert distances == sorted(distances, reverse=True)
    assert [limit.extrapolated for limit in told.limits] == [False] * 2 + [True] * 4
    assert all(limit.low <= limit.distance <= limit.high for limit in told.limits)
    assert told.pairs == 40 * 39 // 2 * 9


def table(name: str, people: int, *distances: float) -> Population:
    fars = TABLE_FARS[: len(distances)]
    limits = [
        Limit(far, distance, 0, 1, extrapolated=False, population=name)
        for far, distance in zip(fars, distances, strict=True)
    ]
    return Population(name, people, people, people, limits)


def test_the_worst_population_counts_at_each_far_if_it_is_one() -> None:
    tables = [table("a", 30, 0.6, 0.5), table("b", 30, 0.7, 0.4), table("few", 9, 0.1, 0.1)]

    assert [(one.population, one.distance) for one in worst(tables)] == [("a", 0.6), ("b", 0.4)]
    assert worst(tables[2:]) == []


def test_a_far_between_two_of_the_table_lies_on_the_line_between() -> None:
    limits = table("a", 30, 0.7, 0.6, 0.5).limits

    assert distance_for(limits, 0.1) == pytest.approx(0.7)
    assert distance_for(limits, 10**-1.5) == pytest.approx(0.65)
    assert distance_for(limits, 1e-9) == pytest.approx(0.5)


def test_a_better_pack_is_ahead_and_the_same_is_not() -> None:
    good, poor = faces_of(30, 4, 0.9, seed=1), faces_of(30, 4, 0.55, seed=1)

    gaps, none = compare(good, poor), compare(good, good)

    assert {"auc", "eer", "rank_1", "leave_one_out", "tar_0.01"} <= gaps.keys()
    assert gaps["auc"].low > 0
    assert gaps["eer"].high < 0
    assert gaps["rank_1"].low > 0
    assert all(gap.value == gap.low == gap.high == 0 for gap in none.values())


def test_packs_are_compared_on_the_photos_that_both_could_use() -> None:
    whole = faces_of(12, 3, 0.9)
    part = whole.of(set(whole.paths[3:]))

    assert compare(whole, part)["auc"].value == 0
    assert compare(whole.of(set()), part) == {}


def test_a_share_that_never_varies_is_as_unsure_as_so_many_cases() -> None:
    weights = person_weights(5)
    none = ratio(weights, np.zeros(5), np.full(5, 10.0))

    assert figure(none).high == 0
    assert figure(none, 50).high == pytest.approx(0.07, abs=0.02)
    assert not figure(ratio(weights, np.zeros(5), np.zeros(5))).is_known
