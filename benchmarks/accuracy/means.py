"""Users who are known by several photos: the distance for a FAR between means of so many.

Means of several photos show less of the photos and more of the people, so strangers are nearer to
each other. People with three photos or more are many enough to tell of three; of more they are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.far_table import FEWEST_PEOPLE, Limit, PhotoCounts, limits, worst_of
from benchmarks.accuracy.impostors import TABLE_FARS, Impostors
from benchmarks.accuracy.resampling import Estimates, person_weights
from dataflow.gallery.calibration import CASES_NEEDED, Distances
from dataflow.gallery.made_up import Vectors, unit

MOST = 3
"""So many photos stand for more."""

SEVERAL: Sequence[PhotoCounts] = ((1, 2), (1, 3), (2, 2), (2, 3), (3, 3))
"""One vector of each side is compared; two single photos are what :mod:`.verification` judges."""

_SINGLE: PhotoCounts = (1, 1)
_VIEWS = 6
"""Of a person's many photos there are many means; so many of them are enough."""


@dataclass(frozen=True)
class _Side:
    """Means of so many photos each, and whose. ``apart`` counts those without a common photo."""

    vectors: Vectors
    owners: NDArray[np.intp]
    apart: Distances


def tables(
    groups: Sequence[Faces], single: Sequence[Limit], shape: Estimates | None
) -> dict[PhotoCounts, list[Limit]]:
    """The worst population's limits for each of :data:`SEVERAL`; empty if nobody can tell them.

    Args:
        groups: one for each population.
        single: the worst population's limits between single photos. With more photos no limit is
            larger.
        shape: of the tail between single photos of all sets together, which are the most.
    """
    found: dict[PhotoCounts, list[Limit]] = {_SINGLE: list(single)}
    for photos in SEVERAL if single else ():
        measured = [told for faces in groups if (told := between(faces, photos, shape))]
        if not measured:
            break
        candidates = [*measured, *(found[fewer] for fewer in _fewer(photos))]
        found[photos] = worst_of(candidates)
    del found[_SINGLE]
    return found


def between(faces: Faces, photos: PhotoCounts, shape: Estimates | None) -> list[Limit]:
    """The limits of one population between means of so many photos; none if it cannot tell."""
    pairs, people = impostors(faces, photos)
    if people < FEWEST_PEOPLE or pairs.independent < CASES_NEEDED:
        return []
    weights = person_weights(people)
    shapes: list[float | None] = [None] * len(weights) if shape is None else shape.tolist()
    measured = np.array(
        [_measures(pairs, row, known) for row, known in zip(weights, shapes, strict=True)]
    )
    return limits(
        faces.name,
        {far: measured[:, place] for place, far in enumerate(TABLE_FARS)},
        {far for far in TABLE_FARS if pairs.is_extrapolated(far)},
    )


def impostors(faces: Faces, photos: PhotoCounts) -> tuple[Impostors, int]:
    """All pairs of different people, each by means of so many photos; and how many have them."""
    people = np.flatnonzero(np.bincount(faces.owners) >= max(photos))
    one, other = (_side(faces, people, count) for count in photos)
    distance = 1 - (one.vectors @ other.vectors.T).astype(np.float64)
    alike = photos[0] == photos[1]
    mine, theirs = one.owners[:, None], other.owners[None, :]
    # Of two means of as many photos it is the same which is the one and which the other.
    wanted = mine < theirs if alike else mine != theirs
    low, high = (np.broadcast_to(owners, distance.shape)[wanted] for owners in (mine, theirs))
    apart = one.apart.sum() * other.apart.sum() - one.apart @ other.apart
    order = np.argsort(distance[wanted], kind="stable")
    pairs = Impostors(
        distance[wanted][order], (low[order], high[order]), int(apart) // (2 if alike else 1)
    )
    return pairs, len(people)


def _measures(pairs: Impostors, people: Distances, shape: float | None) -> Sequence[float]:
    drawn = pairs.weighed(people)
    return [float("nan")] * len(TABLE_FARS) if drawn.is_empty else drawn.table(shape)[0]


def _side(faces: Faces, people: NDArray[np.intp], photos: int) -> _Side:
    rng = np.random.default_rng(photos)
    means, owners, apart = [], [], []
    for place, person in enumerate(people.tolist()):
        theirs = np.flatnonzero(faces.owners == person)
        if photos == 1 or comb(len(theirs), photos) <= _VIEWS:
            views = [list(view) for view in combinations(theirs.tolist(), photos)]
        else:
            views = [rng.permutation(theirs)[:photos].tolist() for _ in range(_VIEWS)]
        means += [faces.embeddings[view].mean(axis=0) for view in views]
        owners += [place] * len(views)
        apart.append(min(len(views), len(theirs) // photos))
    vectors = np.array(means, np.float32).reshape(-1, faces.embeddings.shape[1])
    return _Side(unit(vectors), np.array(owners, np.intp), np.array(apart, np.float64))


def _fewer(photos: PhotoCounts) -> Iterator[PhotoCounts]:
    one, other = photos
    if one > 1:
        yield one - 1, other
    if other > one:
        yield one, other - 1
