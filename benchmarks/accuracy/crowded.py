"""The same faces among fewer or more users: what a gallery is worth.

The others are made up: their vectors differ from the mean of labelled people in the same directions
and as much as those do, but they have no likeness of families or regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.resampling import Figure, counted_by_person, figure, person_weights, ratio
from benchmarks.accuracy.searches import DRAWS, one_each
from dataflow.faces.packs.far_table import FarTable
from dataflow.gallery.calibration import Distances
from dataflow.gallery.limit import wanted_far
from dataflow.gallery.made_up import Vectors, unit

_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class Crowded:
    """Labelled faces in galleries of ``users``, at a distance limit.

    ``rank_1``: the nearest user is the right one. ``right``: and near enough. ``fpir``: of faces
    whose person is not there, those that get a tag all the same.
    """

    users: int
    limit: float
    rank_1: Figure
    right: Figure
    fpir: Figure


def strangers(faces: Faces, count: int) -> Vectors:
    """Made-up users who are as unlike each other as the labelled people are."""
    rng = np.random.default_rng(3)
    people = len(faces.names)
    sums = np.zeros((people, faces.embeddings.shape[1]), np.float32)
    np.add.at(sums, faces.owners, faces.embeddings)
    # One photo a person, as they are enrolled: a mean of several would vary less.
    first = np.unique(faces.owners, return_index=True)[1]
    portraits = faces.embeddings[first]
    centre = unit(sums).mean(axis=0)
    spread = (portraits - centre) / np.sqrt(np.float32(people))
    drawn = rng.standard_normal((count, people), dtype=np.float32) @ spread
    return unit(np.asarray(centre + drawn, np.float32))


def crowded(
    faces: Faces, sizes: Sequence[int], threshold: float, table: FarTable | None, max_fpir: float
) -> Iterator[Crowded]:
    """All sizes at the pack's threshold, then by the limit that follows from each size.

    Args:
        faces: of labelled people.
        sizes: how many users are in a gallery, the person sought among them.
        threshold: the pack's own distance.
        table: which distance keeps to which false accept rate; ``None``: there is no such limit.
        max_fpir: what is wanted of it.
    """
    others = strangers(faces, max(sizes))
    nearest = {size: _nearest(faces.embeddings, others[:size]) for size in sizes}
    own = _own(faces)
    for size in sizes:
        yield _judged(faces, size, threshold, own, nearest[size])
    for size in sizes if table else ():
        assert table is not None  # noqa: S101 - for the type checker
        limit = table.distance(wanted_far(max_fpir, size))
        yield _judged(faces, size, limit, own, nearest[size])


def alike(faces: Faces, threshold: float) -> tuple[float, float]:
    """The shares of labelled and of made-up people who are within the threshold of a face."""
    first = np.unique(faces.owners, return_index=True)[1]
    distances = 1 - faces.embeddings @ faces.embeddings[first].T
    foreign = faces.owners[:, None] != np.arange(len(first))[None, :]
    made_up = 1 - faces.embeddings @ strangers(faces, _AT_A_TIME).T
    return float((distances[foreign] <= threshold).mean()), float((made_up <= threshold).mean())


def _own(faces: Faces) -> list[tuple[NDArray[np.intp], Distances]]:
    """Of galleries drawn again and again: which photos are sought, and how far their person is."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(DRAWS):
        portraits = one_each(faces, rng)
        sought = np.setdiff1d(np.arange(len(faces.owners)), portraits)
        theirs = faces.embeddings[portraits[faces.owners[sought]]]
        near = np.sum(faces.embeddings[sought] * theirs, axis=1)
        found.append((sought, 1 - near.astype(np.float64)))
    return found


def _nearest(faces: Vectors, users: Vectors) -> Distances:
    likeness = np.full(len(faces), -1.0)
    for start in range(0, len(users), _AT_A_TIME):
        some = faces @ users[start : start + _AT_A_TIME].T
        likeness = np.maximum(likeness, some.max(axis=1))
    return np.asarray(1 - likeness, np.float64)


def _judged(
    faces: Faces,
    users: int,
    limit: float,
    own: Sequence[tuple[NDArray[np.intp], Distances]],
    nearest: Distances,
) -> Crowded:
    people = len(faces.names)
    weights, photos = person_weights(people), len(faces.owners)
    sought = np.concatenate([places for places, _ in own])
    near = np.concatenate([distances for _, distances in own])
    first = near < nearest[sought]
    owners = faces.owners[sought]
    cases = counted_by_person(owners, people)

    def share(hit: NDArray[np.bool_]) -> Figure:
        return figure(ratio(weights, counted_by_person(owners[hit], people), cases), photos)

    tagged = counted_by_person(faces.owners[nearest <= limit], people)
    fpir = figure(ratio(weights, tagged, counted_by_person(faces.owners, people)), photos)
    return Crowded(users, limit, share(first), share(first & (near <= limit)), fpir)
