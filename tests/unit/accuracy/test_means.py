"""Users who are known by several photos: pairs of their means, and what limits follow."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from benchmarks.accuracy.by_user import by_user
from benchmarks.accuracy.far_table import Limit, PhotoCounts
from benchmarks.accuracy.galleries import SINGLE_PHOTOS, SO_MANY_PHOTOS, derived
from benchmarks.accuracy.impostors import TABLE_FARS
from benchmarks.accuracy.means import SEVERAL, between, impostors, tables
from benchmarks.accuracy.searches import search
from dataflow.gallery.made_up import unit
from tests.unit.accuracy.people import faces_of
from tests.unit.accuracy.test_verification import table

PHOTOS = ((1, 1), *SEVERAL)


@pytest.mark.parametrize("photos", PHOTOS)
def test_each_pair_of_means_of_different_people_counts_once(photos: PhotoCounts) -> None:
    faces = faces_of(5, 3, 0.7)
    pairs, people = impostors(faces, photos)

    views = [
        [
            (person, unit(faces.embeddings[list(view)].mean(axis=0, keepdims=True))[0])
            for person in range(5)
            for view in combinations(range(3 * person, 3 * person + 3), count)
        ]
        for count in photos
    ]
    expected = [
        1 - float(mine @ theirs)
        for one, mine in views[0]
        for other, theirs in views[1]
        if (one < other if photos[0] == photos[1] else one != other)
    ]
    assert people == 5
    assert pairs.distances == pytest.approx(sorted(expected), abs=1e-6)
    assert all(one != other for one, other in zip(*pairs.owners, strict=True))


def test_pairs_are_as_many_as_have_no_photo_in_common() -> None:
    faces = faces_of(6, 5, 0.7)

    assert impostors(faces, (1, 1))[0].independent == 15 * 25
    assert impostors(faces, (1, 2))[0].independent == 30 * 5 * 2
    assert impostors(faces, (2, 2))[0].independent == 15 * 4
    assert impostors(faces, (3, 3))[0].independent == 15
    assert impostors(faces, (3, 6))[1] == 0


def test_with_more_photos_no_limit_is_larger_and_the_worst_population_counts() -> None:
    near, far = faces_of(20, 3, 0.6, 1, "near"), faces_of(20, 3, 0.6, 2, "far")
    near = type(near)(
        near.name,
        unit(near.embeddings + 0.2),
        near.people,
        near.paths,
        near.offered,
        near.refused,
    )
    single = between(near, (1, 1), None)

    found = tables([near, far], single, None)

    assert list(found) == list(SEVERAL)
    for limits in found.values():
        assert [limit.far for limit in limits] == list(TABLE_FARS)
    chain = [single, found[1, 2], found[2, 2], found[2, 3], found[3, 3]]
    for fewer, more in pairwise(chain):
        assert all(b.distance <= a.distance for a, b in zip(fewer, more, strict=True))
    assert found[3, 3][0].distance < single[0].distance
    assert found[3, 3][0].population == "near"
    assert not found[3, 3][0].extrapolated
    assert found[3, 3][-1].extrapolated


def test_who_has_one_photo_each_or_too_few_people_tells_no_table() -> None:
    single = table("a", 30, *np.linspace(0.7, 0.2, len(TABLE_FARS)).tolist()).limits

    assert tables([faces_of(30, 1, 0.7)], single, None) == {}
    assert tables([faces_of(9, 3, 0.7)], single, None) == {}
    assert tables([faces_of(30, 3, 0.7)], [], None) == {}


def several(less: float) -> dict[PhotoCounts, list[Limit]]:
    single = table("a", 30, 0.7, 0.6, 0.5).limits
    return {
        photos: [
            Limit(one.far, one.distance - less, 0, 1, extrapolated=False, population="a")
            for one in single
        ]
        for photos in SEVERAL
    }


def test_users_with_several_photos_are_tried_with_both_tables() -> None:
    faces = faces_of(40, 4, 0.8)
    single = table("a", 40, 0.7, 0.6, 0.5).limits

    rows = [one for one in derived(faces, single, several(0.1), 0.1) if one.photos > 1]

    assert [(one.photos, one.way) for one in rows] == [
        (photos, way) for photos in (2, 3) for way in (SINGLE_PHOTOS, SO_MANY_PHOTOS)
    ]
    assert rows[1].limit == pytest.approx(rows[0].limit - 0.1)
    assert rows[1].fpir.value <= rows[0].fpir.value


def test_users_are_enrolled_by_so_many_photos_and_sought_by_the_others() -> None:
    faces = faces_of(12, 5, 0.7)

    found = search(faces, strangers=True, draws=2, photos=3)

    assert found.users == 8
    assert found.enrolled.sum() == 2 * 8 * 2
    assert (~found.enrolled).sum() == 2 * 4 * 5
    alone = search(faces, strangers=True, draws=2)
    assert found.near[found.enrolled, 0].mean() < alone.near[alone.enrolled, 0].mean()


def test_limits_that_differ_by_nothing_gain_nothing() -> None:
    faces = faces_of(30, 3, 0.7)
    single = table("a", 30, 0.7, 0.6, 0.5).limits

    same, other = (by_user(faces, single, several(less), 0.01) for less in (0, 0.1))

    assert same
    assert other
    assert (same.users, same.gain.value, same.gain.low, same.gain.high) == (20, 0, 0, 0)
    assert other.right.value == same.right.value
    assert other.gain.value != 0
    assert by_user(faces_of(30, 1, 0.7), single, several(0.1), 0.01) is None
