"""Photos sought in galleries of one enrolment photo a person, drawn again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from dataflow.gallery.calibration import Distances
from dataflow.gallery.made_up import unit

DRAWS = 20
STRANGER_OF = 3
"""Every third person is not enrolled, where strangers are wanted."""

NEIGHBOURS = 20
"""How many other users a face is compared with beyond the nearest, to normalise its distance."""


@dataclass(frozen=True, slots=True)
class Searches:
    """One row for each photo sought.

    ``owner`` is whose photo it is, ``enrolled`` whether that person is in the gallery, ``first``
    whether the nearest user is that person. ``near`` has the distances to the nearest users, the
    nearest first: as many as the gallery has, :data:`NEIGHBOURS` + 1 at most.
    """

    users: int
    owner: NDArray[np.intp]
    enrolled: NDArray[np.bool_]
    first: NDArray[np.bool_]
    near: Distances


def search(
    faces: Faces,
    users: int | None = None,
    *,
    strangers: bool,
    draws: int = DRAWS,
    photos: int = 1,
) -> Searches:
    """Draw galleries, and seek all photos of the people drawn that are not in them.

    Args:
        faces: of a set; everybody has as many photos as are enrolled.
        users: how many are enrolled; by default as many as there are.
        strangers: whether half as many people are sought who are not enrolled.
        draws: how many galleries.
        photos: of each user so many are enrolled, as their mean.
    """
    rng = np.random.default_rng(1)
    people = len(faces.names)
    drawn = people if users is None else min(people, drawn_for(users))
    found = []
    for _ in range(draws):
        crowd = rng.permutation(people)[:drawn]
        portraits = one_each(faces, rng)[:, None] if photos == 1 else _some(faces, photos, rng)
        outside = np.zeros(drawn, np.bool_)
        if strangers:
            outside[STRANGER_OF - 1 :: STRANGER_OF] = True
        gallery = crowd[~outside]
        found.append(_sought(faces, gallery, crowd[outside], portraits[gallery]))
    return Searches(
        len(gallery),
        np.concatenate([one.owner for one in found]),
        np.concatenate([one.enrolled for one in found]),
        np.concatenate([one.first for one in found]),
        np.concatenate([one.near for one in found]),
    )


def one_each(faces: Faces, rng: np.random.Generator) -> NDArray[np.intp]:
    """The place of one photo of each person, drawn at random."""
    order = np.argsort(faces.owners, kind="stable")
    counts = np.bincount(faces.owners, minlength=len(faces.names))
    starts = np.cumsum(counts) - counts
    return np.asarray(order[starts + (rng.random(len(counts)) * counts).astype(np.intp)], np.intp)


def _some(faces: Faces, photos: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The places of so many photos of each person."""
    order = np.lexsort((rng.random(len(faces.owners)), faces.owners))
    counts = np.bincount(faces.owners, minlength=len(faces.names))
    starts = np.cumsum(counts) - counts
    return np.asarray(order[starts[:, None] + np.arange(photos)], np.intp)


def drawn_for(users: int) -> int:
    """How many people it takes, strangers among them, to enrol so many."""
    return users + (users - 1) // (STRANGER_OF - 1)


def _sought(
    faces: Faces,
    gallery: NDArray[np.intp],
    strangers: NDArray[np.intp],
    portraits: NDArray[np.intp],
) -> Searches:
    is_known, is_stranger = (np.isin(faces.owners, people) for people in (gallery, strangers))
    is_known[portraits.ravel()] = False
    probes = np.flatnonzero(is_known | is_stranger)
    known = unit(faces.embeddings[portraits].mean(axis=1))
    distance = 1 - (faces.embeddings[probes] @ known.T).astype(np.float64)
    nearest = gallery[distance.argmin(axis=1)]
    near = min(NEIGHBOURS + 1, distance.shape[1])
    if near < distance.shape[1]:
        distance = np.partition(distance, near - 1, axis=1)[:, :near]
    owner = faces.owners[probes]
    return Searches(
        len(gallery), owner, is_known[probes], nearest == owner, np.sort(distance, axis=1)
    )
