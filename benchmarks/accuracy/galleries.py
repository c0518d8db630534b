"""Ways to limit compared at several sizes of a gallery, and carried from set to set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.far_table import Limit, distance_for
from benchmarks.accuracy.identification import share_of
from benchmarks.accuracy.limits import FPIRS, SIZES, WAYS, Score, right_tags
from benchmarks.accuracy.resampling import Figure, difference, figure, person_weights
from benchmarks.accuracy.searches import STRANGER_OF, Searches, search
from dataflow.gallery.calibration import Distances

FIXED = next(iter(WAYS))
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
    """What a limit that was not made on these photos comes to on them."""

    name: str
    users: int
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


def derived(faces: Faces, limits: Sequence[Limit], max_fpir: float) -> list[Held]:
    """The distance that follows from a table of FARs and the gallery's size."""
    held = []
    for users in sizes(len(faces.names)):
        found = search(faces, users, strangers=True)
        limit = distance_for(limits, max_fpir / found.users)
        held.append(_held(faces, found, "from the table", WAYS[FIXED], limit))
    return held


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
            held.append(_held(faces, found[place], name, score, limit))
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


def _held(faces: Faces, found: Searches, way: str, score: Score, limit: float) -> Held:
    weights, photos = person_weights(len(faces.names)), len(faces.people)
    tagged = score(found.near) <= limit
    return Held(
        faces.name,
        found.users,
        way,
        limit,
        figure(share_of(weights, found, tagged, ~found.enrolled), photos),
        figure(share_of(weights, found, tagged & found.first, found.enrolled), photos),
    )
