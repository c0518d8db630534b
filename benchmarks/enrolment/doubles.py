"""New users beside many enrolled ones.

Strangers may be refused by chance, and people who are enrolled twice may not be noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.resampling import (
    Figure,
    counted_by_person,
    figure,
    person_weights,
    ratio,
)
from benchmarks.enrolment.crowd import Crowd
from benchmarks.enrolment.newcomers import Newcomers, gallery
from dataflow.faces.packs.gap_table import NEXT
from dataflow.gallery.calibration import Distances
from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.intervals import ROUNDS

CHANCE = 0.004
"""Of strangers, the share that the gap may refuse: less than what is promised, as it is a fit."""

SIZES = (1_000, 10_000)
GAP_SIZES = (100, 200, 500, 1_000, 3_000, 10_000, 30_000)
FEWEST_PEOPLE = 10
PHOTOS = (1, 2, 3)

_GAP_DRAWS = 4
_GAP_PHOTOS = (1, 2)


@dataclass(frozen=True)
class Noticed:
    """What a limit does with newcomers; shares.

    ``by_chance`` is of all strangers, most of whom are made up, and ``labelled_by_chance`` of those
    who are not. ``made_up_caught`` is of made-up people who come twice. ``caught_or_named`` also
    counts those who are enrolled and said to be possibly also the right user.
    """

    population: str
    users: int
    photos: int
    doubles: int
    by_chance: Figure
    labelled_by_chance: Figure
    caught: Figure
    made_up_caught: Figure
    caught_by_distance: Figure
    caught_or_named: Figure
    named_by_chance: float


def noticed(
    groups: Sequence[Faces], crowd: Crowd, limit: ClashLimit, users: int, photos: int
) -> Noticed:
    """Judge a limit in one gallery."""
    tried = gallery(groups, crowd, users, photos)
    strangers, doubles = tried.strangers, tried.doubles
    plain = ClashLimit(limit.threshold, limit.table)
    caught = doubles.refused(limit, users, photos) & doubles.found
    near = (doubles.near[:, 0] < limit.threshold) & doubles.found
    by_chance = strangers.refused(limit, users, photos)
    is_labelled = strangers.owner >= 0
    made_up = tried.made_up_doubles
    made_up_caught = made_up.refused(limit, users, photos) & made_up.found
    return Noticed(
        groups[0].name if len(groups) == 1 else "all sets",
        users,
        photos,
        len(set(doubles.owner.tolist())),
        _drawn(by_chance),
        _share(strangers.of(is_labelled), by_chance[is_labelled]),
        _share(doubles, caught),
        _drawn(made_up_caught),
        _share(doubles, doubles.refused(plain, users, photos) & doubles.found),
        _share(doubles, near),
        float((strangers.near[:, 0] < limit.threshold).mean()),
    )


def gaps(
    groups: Sequence[Faces], crowd: Crowd, threshold: float, sizes: Sequence[int] = GAP_SIZES
) -> Mapping[int, float]:
    """The gap for each number of users that chance exceeds for one stranger in 1 / CHANCE at most.

    All sets together and each that is large enough are tried, by one photo a person and by two:
    means of several are nearer to one another. The largest gap counts.
    """
    tried = [list(groups)] if len(groups) > 1 else []
    tried += [[faces] for faces in groups if len(faces.names) >= FEWEST_PEOPLE]
    found = []
    for users in sizes:
        draws = _GAP_DRAWS if users <= SIZES[0] else 1
        worst = max(
            _exceeded(gallery(some, crowd, users, photos, draws).strangers.near, threshold)
            for some in tried
            for photos in _GAP_PHOTOS
        )
        found.append(worst)
    # Among fewer users it is never smaller.
    smoothed = list(accumulate(reversed(found), max))[::-1]
    return dict(zip(sizes, smoothed, strict=True))


def _exceeded(near: Distances, threshold: float) -> float:
    gap = near[:, 1 : 1 + NEXT].mean(axis=1) - near[:, 0]
    return float(np.quantile(np.where(near[:, 0] < threshold, gap, 0), 1 - CHANCE))


def _share(doubles: Newcomers, hit: NDArray[np.bool_]) -> Figure:
    """Of people, each of whom counts with all their draws."""
    people = int(doubles.owner.max(initial=0)) + 1
    weights = person_weights(people)
    hits, tries = (counted_by_person(doubles.owner[rows], people) for rows in (hit, slice(None)))
    return figure(ratio(weights, hits, tries), int((tries > 0).sum()))


def _drawn(hits: NDArray[np.bool_]) -> Figure:
    """Of people who were drawn by themselves; unknown if there are none."""
    if not len(hits):
        return Figure(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(0)
    again = rng.binomial(len(hits), hits.mean(), ROUNDS) / len(hits)
    return figure(np.append(hits.mean(), again))


def rows(
    groups: Sequence[Faces], crowd: Crowd, limit: ClashLimit, sizes: Sequence[int] = SIZES
) -> Iterator[Noticed]:
    """All sizes and numbers of photos, all sets together, then each large set alone.

    Alone each is tried at its own size and at the first one.
    """
    people = sum(len(faces.names) for faces in groups)
    for users in (people, *(size for size in sizes if size > people)):
        for photos in PHOTOS:
            yield noticed(groups, crowd, limit, users, photos)
    for faces in groups:
        if len(groups) > 1 and len(faces.names) >= FEWEST_PEOPLE:
            for users in (len(faces.names), sizes[0]):
                for photos in PHOTOS:
                    yield noticed([faces], crowd, limit, users, photos)
