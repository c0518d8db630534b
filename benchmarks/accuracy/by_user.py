"""One limit for all users of a gallery, or one for each that follows the number of their photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.far_table import FEWEST_PEOPLE, Limit, PhotoCounts, distance_for
from benchmarks.accuracy.limits import fixed, right_tags
from benchmarks.accuracy.resampling import Figure, difference, figure, person_weights
from benchmarks.accuracy.searches import DRAWS, STRANGER_OF, Searches
from dataflow.gallery.calibration import Distances
from dataflow.gallery.made_up import unit

_MOST = 2
"""Every other user is known by so many photos, the rest by one: then photos are left to seek."""


@dataclass(frozen=True, slots=True)
class ByUser:
    """Right tags at the same FPIR where users have one photo or two.

    ``right`` is with one limit, ``gain`` what limits by the number of photos have more.
    """

    name: str
    users: int
    right: Figure
    gain: Figure


def by_user(
    faces: Faces,
    single: Sequence[Limit],
    several: Mapping[PhotoCounts, Sequence[Limit]],
    max_fpir: float,
) -> ByUser | None:
    """Compare the two in a gallery of two thirds of the people; ``None``: they are too few.

    Args:
        faces: of a set.
        single: the limits for single photos.
        several: those for means of several.
        max_fpir: the share of strangers' photos that get a tag, with both.
    """
    some = faces.having(_MOST)
    if len(some.names) < FEWEST_PEOPLE or (1, _MOST) not in several:
        return None
    users = len(some.names) - len(some.names) // STRANGER_OF
    far = max_fpir / users
    nearer = distance_for(single, far) - distance_for(several[1, _MOST], far)
    rng = np.random.default_rng(1)
    drawn = [_sought(some, users, nearer, rng) for _ in range(DRAWS)]
    weights = person_weights(len(some.names))
    one, each = (
        right_tags(_joined([found[way] for found in drawn]), fixed, weights)[max_fpir]
        for way in (0, 1)
    )
    return ByUser(faces.name, users, figure(one, len(some.people)), difference(each, one))


def _sought(
    faces: Faces, users: int, nearer: float, rng: np.random.Generator
) -> tuple[Searches, Searches]:
    """One gallery, with plain distances and with those by which limits differ added to them."""
    crowd = rng.permutation(len(faces.names))
    gallery, counts = crowd[:users], rng.integers(1, _MOST + 1, users)
    is_sought = np.ones(len(faces.owners), np.bool_)
    known = np.empty((users, faces.embeddings.shape[1]), np.float32)
    for place, (person, count) in enumerate(zip(gallery.tolist(), counts.tolist(), strict=True)):
        portraits = rng.permutation(np.flatnonzero(faces.owners == person))[:count]
        known[place] = faces.embeddings[portraits].mean(axis=0)
        is_sought[portraits] = False
    probes = np.flatnonzero(is_sought)
    owner = faces.owners[probes]
    distance = 1 - (faces.embeddings[probes] @ unit(known).T).astype(np.float64)
    nearest = distance.argmin(axis=1)
    plain = distance.min(axis=1)

    def searches(near: Distances) -> Searches:
        enrolled: NDArray[np.bool_] = np.isin(owner, gallery)
        return Searches(users, owner, enrolled, gallery[nearest] == owner, near[:, None])

    return searches(plain), searches(plain + nearer * (counts[nearest] == _MOST))


def _joined(found: Sequence[Searches]) -> Searches:
    return Searches(
        found[0].users,
        np.concatenate([one.owner for one in found]),
        np.concatenate([one.enrolled for one in found]),
        np.concatenate([one.first for one in found]),
        np.concatenate([one.near for one in found]),
    )
