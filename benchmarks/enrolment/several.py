"""Several photos of a user: one mean of them, a weighted one, or each for itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.identification import share_of
from benchmarks.accuracy.limits import FPIRS, fixed, right_tags
from benchmarks.accuracy.resampling import Figure, difference, figure, person_weights
from benchmarks.accuracy.searches import STRANGER_OF, Searches
from benchmarks.enrolment.changes import HIDDEN, POOR
from benchmarks.enrolment.pictures import FAR_APART, MEASURES, SHORT, Pictures
from dataflow.gallery.calibration import Distances
from dataflow.gallery.made_up import Vectors, unit

MOST = 3
_DRAWS = 10
_LEAST_WEIGHT = 0.05
_LENGTH, _SCORE, _APART = (
    MEASURES.index(name)
    for name in ("length of the raw vector", "score", "landmarks apart, in eye distances")
)

Way = Callable[[Vectors, Distances], Vectors]
"""From the photos of a user, vectors and measures, to the vectors that the user is known by."""


def mean(vectors: Vectors, _measures: Distances) -> Vectors:
    """All photos count the same."""
    return unit(vectors.mean(axis=0, keepdims=True))


def each(vectors: Vectors, _measures: Distances) -> Vectors:
    """The nearest photo counts."""
    return vectors


def weighted(weight: Callable[[Distances], Distances]) -> Way:
    """A mean by a weight that follows from the measures."""

    def way(vectors: Vectors, measures: Distances) -> Vectors:
        weights = np.maximum(weight(measures), _LEAST_WEIGHT)
        return unit((weights @ vectors)[None].astype(np.float32))

    return way


def without(poor: Callable[[Distances], NDArray[np.bool_]]) -> Way:
    """The mean without photos that look poor, if any is left."""

    def way(vectors: Vectors, measures: Distances) -> Vectors:
        good = ~poor(measures)
        return mean(vectors[good] if good.any() else vectors, measures)

    return way


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "mean": mean,
        "by score": weighted(lambda m: m[:, _SCORE] - 0.5),
        "by length": weighted(lambda m: m[:, _LENGTH]),
        "by length, steeply": weighted(lambda m: np.maximum(m[:, _LENGTH] - 7, 0) ** 2),
        "without landmarks apart": without(lambda m: m[:, _APART] > FAR_APART),
        "without short vectors": without(lambda m: m[:, _LENGTH] < SHORT),
        "the nearest of all": each,
    }
)

ONE_IS: Mapping[str, Collection[str]] = MappingProxyType(
    {"": (), "one half hidden": HIDDEN, "one small, dark, bright or blurred": POOR}
)


@dataclass(frozen=True)
class Known:
    """What a way comes to; ``gains`` are over the mean, of the same photos and people."""

    name: str
    way: str
    users: int
    rank_1: Figure
    rank_1_gain: Figure
    right: Mapping[float, Figure]
    gain: Mapping[float, Figure]


def compared(pictures: Pictures, sets: Sequence[str], draws: int = _DRAWS) -> Iterator[Known]:
    """All ways: on each set, on all together, and where one photo of each user is poor."""
    whole = [""] if len(sets) > 1 else []
    for name in (*sets, *whole):
        yield from _ways(pictures, name, (), name or "all together", draws)
    for what, changes in ONE_IS.items():
        if changes:
            yield from _ways(pictures, "", changes, f"all together, {what}", draws)


def _ways(
    pictures: Pictures, within: str, poor: Collection[str], title: str, draws: int
) -> Iterator[Known]:
    people = len(pictures.names)
    weights = person_weights(people)
    first: tuple[Distances, Mapping[float, Distances]] | None = None
    for name, way in WAYS.items():
        found = searches(pictures, way, within, poor, draws)
        rank_1 = share_of(weights, found, found.first, found.enrolled)
        right = right_tags(found, fixed, weights)
        first = first or (rank_1, right)
        yield Known(
            title,
            name,
            found.users,
            figure(rank_1),
            difference(rank_1, first[0]),
            {fpir: figure(share) for fpir, share in right.items()},
            {fpir: difference(right[fpir], first[1][fpir]) for fpir in FPIRS},
        )


def searches(
    pictures: Pictures, way: Way, within: str = "", poor: Collection[str] = (), draws: int = _DRAWS
) -> Searches:
    """Enrol two people of three by up to three photos each, and seek all other photos.

    One photo of each stays out, to be sought. With ``poor``, one of the enrolled photos of whoever
    has some is made worse in one of these ways. ``within`` is a set; by default all are in.
    """
    rng = np.random.default_rng(1)
    everybody = np.array(
        [n for n, name in enumerate(pictures.names) if not within or _set(name) == within]
    )
    found = []
    for _ in range(draws):
        crowd = rng.permutation(everybody)
        outside = np.zeros(len(crowd), bool)
        outside[STRANGER_OF - 1 :: STRANGER_OF] = True
        drawn = {person: _drawn(pictures, person, poor, rng) for person in crowd}
        found.append(_sought(pictures, way, crowd[~outside], crowd[outside], drawn))
    users = int((~outside).sum())
    parts = zip(*found, strict=True)
    owner, enrolled, first, near = (np.concatenate(part) for part in parts)
    return Searches(users, owner, enrolled, first, near)


def _drawn(
    pictures: Pictures, person: int, poor: Collection[str], rng: np.random.Generator
) -> NDArray[np.intp]:
    """The rows of the pictures that a person is enrolled by."""
    theirs = pictures.rows[person]
    rows = rng.permutation(theirs[pictures.untouched[theirs]])
    count = min(MOST, max(1, len(rows) - 1))
    worse = [int(row) for row in theirs if pictures.changes[int(row)] in poor]
    if not worse:
        return rows[:count]
    bad = worse[int(rng.integers(len(worse)))]
    others = rows[pictures.photo_numbers[rows] != pictures.photo_numbers[bad]]
    return np.append(others[: max(1, count - 1)], bad)


def _sought(
    pictures: Pictures,
    way: Way,
    gallery: NDArray[np.intp],
    strangers: NDArray[np.intp],
    drawn: Mapping[int, NDArray[np.intp]],
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.bool_], Distances]:
    known = [way(pictures.embeddings[drawn[p]], pictures.measures[drawn[p]]) for p in gallery]
    used = np.concatenate([pictures.photo_numbers[drawn[person]] for person in gallery])
    is_known, is_stranger = (np.isin(pictures.owners, some) for some in (gallery, strangers))
    sought = (is_known & ~np.isin(pictures.photo_numbers, used)) | is_stranger
    probes = np.flatnonzero(sought & pictures.untouched)
    all_distances = 1 - pictures.embeddings[probes] @ np.concatenate(known).T
    starts = np.cumsum([0, *(len(vectors) for vectors in known[:-1])])
    distances = np.minimum.reduceat(all_distances, starts, axis=1).astype(np.float64)
    owner = pictures.owners[probes]
    nearest = gallery[distances.argmin(axis=1)]
    return owner, is_known[probes], nearest == owner, np.sort(distances, axis=1)[:, :2]


def _set(name: str) -> str:
    return name.rpartition("/")[0]
