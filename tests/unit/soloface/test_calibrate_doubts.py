"""When a calibration cannot stand for other people, and what small faces beside large ones mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dataflow.faces.packs.far_table import FarTable, Worst
from dataflow.gallery.calibration import Pairs
from dataflow.gallery.made_up import Vectors, disturbed, unit
from dataflow.gallery.open_set import Searches
from soloface.cli.calibrate.crowds import Crowd, Ignoring, advice, ignoring
from soloface.cli.calibrate.doubts import (
    few_people,
    of_another_population,
    too_few_photos,
    uneven,
)
from tests.unit.gallery.test_calibration import album

PEOPLE, PHOTOS = 60, 3


def kinds(*similarities: float) -> Pairs:
    """Sixty people, in parts of whom everybody is so similar to one look."""
    rng = np.random.default_rng(1)
    each = PEOPLE // len(similarities)
    looks = [
        disturbed(
            np.repeat(unit(rng.standard_normal((1, 64), dtype=np.float32)), each, axis=0),
            rng,
            (similarity, similarity),
        )
        for similarity in similarities
    ]
    faces = np.repeat(np.concatenate(looks), PHOTOS, axis=0)
    names = [f"p{number // PHOTOS}" for number in range(len(faces))]
    return Pairs(disturbed(faces, rng, (0.9, 0.9)), names)


def table(distance: float) -> FarTable:
    points: Sequence[tuple[float, float]] = ((0.1, distance + 0.1), (0.01, distance))
    return FarTable.of(
        [
            *(
                Worst(
                    far=far, distance=d, low=d, high=d, extrapolated=False, population="islanders"
                )
                for far, d in points
            ),
            Worst(far=1e-6, distance=0, low=0, high=0, extrapolated=True, population="islanders"),
        ]
    )


def test_few_people_are_doubted_and_many_are_not() -> None:
    assert list(few_people(kinds(0.1))) == []
    assert list(few_people(Pairs(*album(19, 2, 1, 0.9)))) == [
        "19 people only: others may give quite other figures"
    ]


def test_people_unlike_those_of_the_packs_table_are_noticed() -> None:
    pairs = kinds(0.3)
    theirs = pairs.threshold_for(0.01)

    (easier,) = of_another_population(pairs, table(theirs - 0.2))
    (harder,) = of_another_population(pairs, table(theirs + 0.2))

    assert (
        "easier to tell apart than the hardest population of the pack's table, islanders" in easier
    )
    assert "use SOLOFACE_MATCH__MAX_FPIR" in easier
    assert "harder to tell apart than any population" in harder
    assert "set a distance" in harder
    assert list(of_another_population(pairs, table(theirs))) == []
    assert list(of_another_population(pairs, None)) == []


@pytest.mark.parametrize(
    ("users", "advice"),
    [(50, "photos of as many people, or --fpir 0.12 or more, or fewer --users"), (5_000, None)],
)
def test_too_few_photos_for_an_fpir_say_which_one_they_can_tell(
    users: int, advice: str | None
) -> None:
    people = album(36, 1, 1, 0.7)
    told = too_few_photos(Searches(*people).recommend(0.001, users), Pairs(*people))

    assert told.startswith("36 photos of 36 people cannot tell an FPIR of 0.001 among ")
    assert told.endswith(advice or "photos of as many people, or fewer --users")


def test_people_of_several_kinds_are_noticed() -> None:
    assert list(uneven(kinds(0.3))) == []
    (doubt,) = uneven(kinds(0.75, 0.1, 0.1, 0.1))
    assert "a quarter of the people make" in doubt


def face(*coordinates: float) -> Vectors:
    vector: Vectors = unit(np.array([coordinates], np.float32))[0]
    return vector


def test_each_share_says_whether_the_largest_face_is_the_person() -> None:
    people = np.stack([face(1, 0, 0), face(0, 1, 0)])
    crowds = [
        Crowd("ana", 0.3, face(1, 0.1, 0)),
        Crowd("bea", 0.5, face(1, 0.1, 0)),
        Crowd("caro", 0.7, face(0, 0, 1)),
    ]

    rows = list(ignoring(crowds, people, ["ana", "bea"]))

    assert [(r.share, r.photos, r.right, r.wrong, r.unknown) for r in rows] == [
        (0.25, 0, 0, 0, 0),
        (0.33, 1, 1, 0, 0),
        (0.5, 1, 1, 0, 0),
        (0.67, 2, 1, 1, 0),
        (0.8, 3, 1, 1, 1),
    ]
    assert list(ignoring([], people, ["ana", "bea"])) == []


@pytest.mark.parametrize(
    ("wrong", "advised"),
    [((0, 0, 0, 0), "=0.5 "), ((0, 0, 1, 1), "=0.33 "), ((1, 1, 1, 1), None)],
)
def test_the_advice_stays_below_the_share_at_which_a_wrong_face_counted(
    wrong: tuple[int, ...], advised: str | None
) -> None:
    shares = (0.25, 0.33, 0.5, 0.67)
    rows = [Ignoring(share, 2, 1, bad, 0) for share, bad in zip(shares, wrong, strict=True)]

    said = list(advice(rows))

    assert len(said) == (advised is not None)
    assert all(f"IGNORE_SMALLER{advised}" in line for line in said)
