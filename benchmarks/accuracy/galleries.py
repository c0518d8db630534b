"""Ways to limit compared at several sizes of a gallery, and carried from set to set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.far_table import FEWEST_PEOPLE, Limit, PhotoCounts, distance_for
from benchmarks.accuracy.identification import share_of
from benchmarks.accuracy.limits import FPIRS, SIZES, WAYS, right_tags
from benchmarks.accuracy.resampling import Figure, difference, figure, person_weights
from benchmarks.accuracy.searches import STRANGER_OF, Searches, search
from dataflow.gallery.calibration import Distances

FIXED = next(iter(WAYS))
SINGLE_PHOTOS = "the table of single photos"
SO_MANY_PHOTOS = "the table of so many photos"
_CLEARLY_FEWER = 0.8


@dataclass(frozen=True, slots=True)
class Compared:
    """Right tags at one FPIR, by way; ``gain`` is over the fixed distance, on the same people."""

    name: str
    users: int
    fpir: float
    right: Mapping[str, Figure]
    gain: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Held:
    """What a limit that was not made on these photos comes to on them.

    Users are known by so many ``photos`` each.
    """

    name: str
    users: int
    photos: int
    way: str
    limit: float
    fpir: Figure
    right: Figure


def sizes(people: int) -> list[int]:
    """The numbers of users that so many people make galleries of, all of them last."""
    most = people - people // STRANGER_OF
    return [*(size for size in SIZES if size <= _CLEARLY_FEWER * most), most]


def compared(faces: Faces, users: int) -> list[Compared]:
    """All ways on galleries of one size, at each FPIR."""
    found = search(faces, users, strangers=True)
    weights, photos = person_weights(len(faces.names)), len(faces.people)
    by_way = {name: right_tags(found, score, weights) for name, score in WAYS.items()}
    return [
        Compared(
            faces.name,
            found.users,
            fpir,
            {name: figure(right[fpir], photos) for name, right in by_way.items()},
            {name: difference(right[fpir], by_way[FIXED][fpir]) for name, right in by_way.items()},
        )
        for fpir in FPIRS
    ]


def derived(
    faces: Faces,
    limits: Sequence[Limit],
    several: Mapping[PhotoCounts, Sequence[Limit]],
    max_fpir: float,
) -> Iterator[Held]:
    """The distance that follows from a table of FARs and the gallery's size.

    Users who are known by several photos are tried with the table of single ones, which is what the
    worker has, and with that of so many.
    """
    for users in sizes(len(faces.names)):
        found = search(faces, users, strangers=True)
        limit = distance_for(limits, max_fpir / found.users)
        yield _held(faces, found, SINGLE_PHOTOS, limit)
    for _, photos in [pair for pair in several if pair[0] == 1]:
        some = faces.having(photos)
        if len(some.names) < FEWEST_PEOPLE:
            continue
        found = search(some, strangers=True, photos=photos)
        for way, table in ((SINGLE_PHOTOS, limits), (SO_MANY_PHOTOS, several[1, photos])):
            limit = distance_for(table, max_fpir / found.users)
            yield _held(some, found, way, limit, photos)


def carried(groups: Sequence[Faces], max_fpir: float) -> list[Held]:
    """For each set, the limit that keeps to an FPIR on the others, each at its own size.

    Every other set counts the same, however many photos it has.
    """
    found = [search(faces, strangers=True) for faces in groups]
    held = []
    for name, score in WAYS.items():
        strange = [np.sort(score(one.near)[~one.enrolled]) for one in found]
        for place, faces in enumerate(groups):
            others = strange[:place] + strange[place + 1 :]
            limit = limit_for(others, max_fpir)
            held.append(_held(faces, found[place], name, limit))
    return held


def limit_for(scores: Sequence[Distances], max_fpir: float) -> float:
    """The largest limit at which the mean FPIR of several sets is not above what is wanted.

    ``scores`` are those of strangers, sorted, by set.
    """
    candidates = np.unique(np.concatenate([one[np.isfinite(one)] for one in scores]))
    fpir = sum(np.searchsorted(one, candidates, side="right") / len(one) for one in scores)
    above = np.flatnonzero(fpir > max_fpir * len(scores))
    if not len(above):
        return float(candidates[-1]) if len(candidates) else -np.inf
    return float(np.nextafter(candidates[above[0]], -np.inf))


def _held(faces: Faces, found: Searches, way: str, limit: float, photos: int = 1) -> Held:
    weights, cases = person_weights(len(faces.names)), len(faces.people)
    tagged = WAYS.get(way, WAYS[FIXED])(found.near) <= limit
    return Held(
        faces.name,
        found.users,
        photos,
        way,
        limit,
        figure(share_of(weights, found, tagged, ~found.enrolled), cases),
        figure(share_of(weights, found, tagged & found.first, found.enrolled), cases),
    )
