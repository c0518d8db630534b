"""How unlike a user's others a photo may be: own photos refused, other people's that pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.resampling import Figure, counted_by_person, figure, person_weights, ratio
from dataflow.gallery.calibration import Distances
from dataflow.gallery.made_up import unit

_DRAWS = 3
_FOREIGN = 10
OTHERS = (1, 2)


@dataclass(frozen=True)
class Sorted:
    """At a distance from the mean of so many others of the user; shares."""

    name: str
    others: int
    distance: float
    own_refused: Figure
    foreign_pass: Figure


def sifted(groups: Sequence[Faces], distances: Sequence[float]) -> Iterator[Sorted]:
    """Each set; the foreign photos are of people of the same set."""
    for faces in groups:
        for others in OTHERS:
            own, foreign = _compared(faces, others)
            if not len(own):
                continue
            people = len(faces.names)
            for distance in distances:
                yield Sorted(
                    faces.name,
                    others,
                    distance,
                    _share(own, own[:, 1] > distance, people),
                    _share(foreign, foreign[:, 1] <= distance, people),
                )


def _compared(faces: Faces, others: int) -> tuple[Distances, Distances]:
    """Rows of a person and a distance: of own photos, and of other people's."""
    rng = np.random.default_rng(others)
    own, foreign = [], []
    for person in range(len(faces.names)):
        rows = np.flatnonzero(faces.owners == person)
        strange = np.flatnonzero(faces.owners != person)
        if len(rows) <= others:
            continue
        for _ in range(_DRAWS):
            drawn = rng.permutation(rows)
            mean = unit(faces.embeddings[drawn[:others]].mean(axis=0)[None])[0]
            own.append((person, 1 - faces.embeddings[drawn[others]] @ mean))
            some = rng.permutation(strange)[:_FOREIGN]
            foreign += [(person, distance) for distance in 1 - faces.embeddings[some] @ mean]
    return np.array(own).reshape(-1, 2), np.array(foreign).reshape(-1, 2)


def _share(rows: Distances, hit: NDArray[np.bool_], people: int) -> Figure:
    owners = rows[:, 0].astype(int)
    weights = person_weights(people)
    return figure(
        ratio(weights, counted_by_person(owners[hit], people), counted_by_person(owners, people)),
        len(rows),
    )
