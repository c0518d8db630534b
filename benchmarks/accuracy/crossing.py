"""How often people are taken for one another, within a population and between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.resampling import Figure, counted_by_person, figure, person_weights
from dataflow.gallery.calibration import Pairs, seek


@dataclass(frozen=True, slots=True)
class Crossed:
    """FAR at the shipped threshold between two sets; within one where both are the same."""

    one: str
    other: str
    pairs: int
    far: Figure


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two people of different folders whose mean faces are near: perhaps one and the same."""

    one: str
    other: str
    distance: float


@dataclass(frozen=True, slots=True)
class Unlike:
    """A person of whom a photo is far from the mean of the others: perhaps of somebody else."""

    person: str
    distance: float


def crossed(groups: Sequence[Faces], threshold: float) -> list[Crossed]:
    """All sets with all others."""
    found = []
    for place, one in enumerate(groups):
        pairs = Pairs(one.embeddings, one.people)
        share = pairs.at(threshold).far
        far = Figure(share.value, *share.range_95)
        found.append(Crossed(one.name, one.name, len(pairs.impostor), far))
        found += [_between(one, other, threshold) for other in groups[place + 1 :]]
    return found


def _between(one: Faces, other: Faces, threshold: float) -> Crossed:
    apart = np.array([[mine != theirs for theirs in other.names] for mine in one.names], np.float64)
    photos = [counted_by_person(faces.owners, len(faces.names)) for faces in (one, other)]
    met = np.outer(*photos) * apart
    near = 1 - one.embeddings @ other.embeddings.T <= threshold
    fooled = np.zeros(met.shape)
    np.add.at(fooled, (one.owners[:, None], other.owners[None, :]), near)
    mine, theirs = person_weights(len(one.names), 1), person_weights(len(other.names), 2)
    taken, whole = (((mine @ counts) * theirs).sum(axis=1) for counts in (fooled * apart, met))
    far = np.full(len(whole), np.nan)
    np.divide(taken, whole, out=far, where=whole > 0)
    pairs = int(met.sum())
    return Crossed(one.name, other.name, pairs, figure(far, pairs))


def nearest_people(faces: Faces, count: int) -> list[Neighbours]:
    """The people whose mean faces are nearest, for somebody to look at the labels."""
    sums = np.zeros((len(faces.names), faces.embeddings.shape[1]))
    np.add.at(sums, faces.owners, faces.embeddings)
    means = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    one, other = np.triu_indices(len(means), k=1)
    distance = 1 - (means @ means.T)[one, other]
    return [
        Neighbours(faces.names[one[place]], faces.names[other[place]], float(distance[place]))
        for place in np.argsort(distance)[:count]
    ]


def most_unlike(faces: Faces, count: int) -> list[Unlike]:
    """The people with the photos that are farthest from their others, for the same purpose."""
    found = seek(faces.embeddings, faces.people)
    farthest = np.zeros(len(faces.names))
    np.maximum.at(farthest, found.owner[found.sought], found.own[found.sought])
    order = np.argsort(-farthest, kind="stable")[:count]
    return [
        Unlike(faces.names[place], float(farthest[place])) for place in order if farthest[place]
    ]
