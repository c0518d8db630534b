"""One photo among many people: rank-1, and who is tagged rightly, wrongly or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.resampling import Estimates, Weights, ratio
from benchmarks.accuracy.searches import Searches, search
from dataflow.gallery.calibration import seek


@dataclass(frozen=True, slots=True)
class Identified:
    """Estimates, as :mod:`benchmarks.accuracy.resampling` has them.

    ``rank_1``: the nearest of all people, each known by one photo, is the right one.
    ``leave_one_out``: the same with people known by the mean of their other photos. With ``users``
    enrolled, at the shipped threshold: ``right``, ``wrong`` and ``none`` (no tag) are shares of the
    enrolled people's photos; ``fpir`` is the share of strangers' photos that got a tag.
    """

    rank_1: Estimates
    leave_one_out: Estimates
    users: int
    right: Estimates
    wrong: Estimates
    none: Estimates
    fpir: Estimates


def identify_all(faces: Faces, weights: Weights, threshold: float) -> Identified:
    """Judge the set as a closed and as an open one."""
    found = seek(faces.embeddings, faces.people)
    closed = search(faces, strangers=False)
    opened = search(faces, strangers=True)
    tagged = opened.near[:, 0] <= threshold
    known, strange = opened.enrolled, ~opened.enrolled
    people = len(faces.names)
    sought = _counted(faces.owners[found.sought], people)
    return Identified(
        rank_1=_share(weights, closed, closed.first, closed.enrolled),
        leave_one_out=ratio(weights, _counted(faces.owners[found.first], people), sought),
        users=opened.users,
        right=_share(weights, opened, tagged & opened.first, known),
        wrong=_share(weights, opened, tagged & ~opened.first, known),
        none=_share(weights, opened, ~tagged, known),
        fpir=_share(weights, opened, tagged, strange),
    )


def _share(
    weights: Weights, found: Searches, hit: NDArray[np.bool_], of: NDArray[np.bool_]
) -> Estimates:
    people = weights.shape[1]
    hits, cases = _counted(found.owner[hit & of], people), _counted(found.owner[of], people)
    return ratio(weights, hits, cases)


def _counted(owners: NDArray[np.intp], people: int) -> NDArray[np.float64]:
    return np.bincount(owners, minlength=people).astype(np.float64)
