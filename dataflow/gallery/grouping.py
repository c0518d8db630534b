"""Putting faces together that look like one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST = 2
"""One face is no group."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Some faces, by their places, the one in the middle first.

    ``widest`` is the largest cosine distance from that one.
    """

    places: tuple[int, ...]
    widest: float


def grouped(faces: NDArray[np.float32], reach: float) -> list[Grouped]:
    """The largest groups first; faces that are near no other one are in none.

    Each group lies around one of its faces: unlike a chain of neighbours, it cannot lead from one
    person to another who is like a third.

    Args:
        faces: unit vectors, shape (faces, dimension).
        reach: the cosine distance from the middle up to which a face belongs to it.
    """
    if len(faces) < SMALLEST:
        return []
    distances = 1 - faces @ faces.T
    np.fill_diagonal(distances, 0)
    near = distances <= reach
    counts = near.sum(axis=1)
    groups: list[Grouped] = []
    while True:
        most = counts.max()
        if most < SMALLEST:
            return groups
        # Of those with as many neighbours, the one that they are nearest to.
        likely = np.flatnonzero(counts == most)
        spread = np.where(near[likely], distances[likely], 0).sum(axis=1)
        middle = int(likely[np.argmin(spread)])
        members = np.flatnonzero(near[middle])
        order = members[np.argsort(distances[middle, members], kind="stable")]
        groups.append(
            Grouped(tuple(int(place) for place in order), float(distances[middle, order[-1]]))
        )
        counts -= near[:, members].sum(axis=1)
        near[members, :] = False
        near[:, members] = False
        counts[members] = 0
