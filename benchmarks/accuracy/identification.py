"""One photo among many people: rank-1, and who is tagged rightly, wrongly or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.limits import fixed, right_tags
from benchmarks.accuracy.resampling import Estimates, Weights, counted_by_person, ratio
from benchmarks.accuracy.searches import Searches, search
from dataflow.gallery.calibration import seek


@dataclass(frozen=True, slots=True)
class Identified:
    """Estimates, as :mod:`benchmarks.accuracy.resampling` has them.

    ``rank_1``: the nearest of all people, each known by one photo, is the right one.
    ``leave_one_out``: the same with people known by the mean of their other photos. With ``users``
    enrolled, at the shipped threshold: ``right``, ``wrong`` and ``none`` (no tag) are shares of the
    enrolled people's photos; ``fpir`` is the share of strangers' photos that got a tag.
    ``right_at`` has the share of right tags at an FPIR.
    """

    rank_1: Estimates
    leave_one_out: Estimates
    users: int
    right: Estimates
    wrong: Estimates
    none: Estimates
    fpir: Estimates
    right_at: dict[float, Estimates]


def identify_all(faces: Faces, weights: Weights, threshold: float) -> Identified:
    """Judge the set as a closed and as an open one."""
    found = seek(faces.embeddings, faces.people)
    closed = search(faces, strangers=False)
    opened = search(faces, strangers=True)
    tagged = opened.near[:, 0] <= threshold
    known, strange = opened.enrolled, ~opened.enrolled
    people = len(faces.names)
    sought = counted_by_person(faces.owners[found.sought], people)
    return Identified(
        rank_1=share_of(weights, closed, closed.first, closed.enrolled),
        leave_one_out=ratio(weights, counted_by_person(faces.owners[found.first], people), sought),
        users=opened.users,
        right=share_of(weights, opened, tagged & opened.first, known),
        wrong=share_of(weights, opened, tagged & ~opened.first, known),
        none=share_of(weights, opened, ~tagged, known),
        fpir=share_of(weights, opened, tagged, strange),
        right_at=right_tags(opened, fixed, weights),
    )


def share_of(
    weights: Weights, found: Searches, hit: NDArray[np.bool_], of: NDArray[np.bool_]
) -> Estimates:
    """The share of hits among some of the photos sought."""
    people = weights.shape[1]
    hits, cases = (
        counted_by_person(found.owner[hit & of], people),
        counted_by_person(found.owner[of], people),
    )
    return ratio(weights, hits, cases)
