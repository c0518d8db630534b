"""Galleries of labelled and made-up users, and people who want to join them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces, together
from benchmarks.enrolment.crowd import Crowd
from dataflow.faces.packs.gap_table import NEXT
from dataflow.gallery.calibration import Distances
from dataflow.gallery.clashes import ClashLimit, Near
from dataflow.gallery.made_up import Vectors, unit

_DRAWS = 8
_STRANGERS = 2_000
_TWICE = 500
_STEP = 500


@dataclass(frozen=True)
class Newcomers:
    """People who want to be enrolled, a row each.

    ``near`` has the distances to the nearest users, the nearest first, ``found`` whether the
    nearest is the same person, ``owner`` who it is of the labelled people, -1 for the made-up.
    """

    owner: NDArray[np.intp]
    found: NDArray[np.bool_]
    near: Distances

    def of(self, which: NDArray[np.bool_]) -> Newcomers:
        """Only some of them."""
        return Newcomers(self.owner[which], self.found[which], self.near[which])

    def refused(self, limit: ClashLimit, users: int, photos: int) -> NDArray[np.bool_]:
        """Whom a limit refuses, everybody being known by so many photos."""
        return np.array(
            [
                limit.clash([Near(distance, photos) for distance in row], users, photos) is not None
                for row in self.near.tolist()
            ],
            bool,
        )


@dataclass(frozen=True)
class Gallery:
    """So many users by so many photos each.

    Those who want to join them are ``strangers``, and ``doubles`` and ``made_up_doubles``: labelled
    and made-up users who come a second time.
    """

    users: int
    photos: int
    strangers: Newcomers
    doubles: Newcomers
    made_up_doubles: Newcomers


def gallery(
    groups: Sequence[Faces], crowd: Crowd, users: int, photos: int, draws: int | None = None
) -> Gallery:
    """Enrol labelled people who have so many photos, and made-up ones beside them.

    Each labelled person is also a stranger to the rest; who has photos left comes a second time,
    by as many. Made-up people come as strangers too, and some of those enrolled a second time.
    """
    rng = np.random.default_rng(users + photos)
    faces = together(groups) if len(groups) > 1 else groups[0]
    strangers, doubles, made_up_doubles = [], [], []
    for _ in range(draws or _DRAWS):
        first, second = _portraits(faces, photos, rng)
        enrolled = rng.permutation(np.array(list(first), np.intp))[:users]
        filled = max(0, users - len(enrolled))
        made, others = _made_up(groups, crowd, filled + _STRANGERS, photos, rng)
        portraits = np.array([first[person] for person in enrolled.tolist()], np.float32)
        portraits = portraits.reshape(-1, made.shape[1])
        whole = np.concatenate([portraits, made[:filled]])
        places = np.arange(len(enrolled))
        if len(places):
            strangers.append(_newcomers(whole, portraits, enrolled, skipped=places))
        strangers.append(_newcomers(whole, made[filled:], np.full(_STRANGERS, -1)))
        twice = np.arange(min(filled, _TWICE))
        if len(twice):
            found = _newcomers(
                whole, others[twice], np.full(len(twice), -1), own=len(enrolled) + twice
            )
            made_up_doubles.append(found)
        again = [place for place in places if enrolled[place] in second]
        if again:
            vectors = np.stack([second[enrolled[place]] for place in again])
            found = _newcomers(whole, vectors, enrolled[again], own=np.array(again))
            doubles.append(found)
    return Gallery(users, photos, *map(_joined, (strangers, doubles, made_up_doubles)))


def _portraits(
    faces: Faces, photos: int, rng: np.random.Generator
) -> tuple[Mapping[int, Vectors], Mapping[int, Vectors]]:
    """A vector of each person who has so many photos, and a second one of who has as many more."""
    first, second = {}, {}
    for person in range(len(faces.names)):
        theirs = rng.permutation(np.flatnonzero(faces.owners == person))
        if len(theirs) >= photos:
            first[person] = _mean(faces.embeddings[theirs[:photos]])
        if len(theirs) >= 2 * photos:
            second[person] = _mean(faces.embeddings[theirs[photos : 2 * photos]])
    return first, second


def _mean(photos: Vectors) -> Vectors:
    mean: Vectors = unit(photos.mean(axis=0, keepdims=True))[0]
    return mean


def _made_up(
    groups: Sequence[Faces], crowd: Crowd, people: int, photos: int, rng: np.random.Generator
) -> tuple[Vectors, Vectors]:
    """People of each population, in the shares of the labelled ones, in a random order.

    Each by the mean of so many photos, and by that of as many others.
    """
    shares = np.array([len(faces.names) for faces in groups], np.float64)
    counts = rng.multinomial(people, shares / shares.sum())
    drawn = [
        crowd.draw(faces.name, int(count), 2 * photos, rng)
        for faces, count in zip(groups, counts, strict=True)
        if count
    ]
    seen = rng.permutation(np.concatenate(drawn))
    return unit(seen[:, :photos].mean(axis=1)), unit(seen[:, photos:].mean(axis=1))


def _newcomers(
    users: Vectors,
    vectors: Vectors,
    owner: NDArray[np.intp],
    skipped: NDArray[np.intp] | None = None,
    own: NDArray[np.intp] | None = None,
) -> Newcomers:
    near, found = [], []
    for start in range(0, len(vectors), _STEP):
        rows = slice(start, start + _STEP)
        distance = 1 - vectors[rows] @ users.T
        if skipped is not None:
            distance[np.arange(len(distance)), skipped[rows]] = 2
        if own is not None:
            found.append(distance.argmin(axis=1) == own[rows])
        count = min(1 + NEXT, distance.shape[1] - 1)
        near.append(np.sort(np.partition(distance, count, axis=1)[:, :count], axis=1))
    is_found = np.concatenate(found) if found else np.zeros(len(vectors), bool)
    return Newcomers(owner, is_found, np.concatenate(near).astype(np.float64))


def _joined(parts: Sequence[Newcomers]) -> Newcomers:
    if not parts:
        return Newcomers(np.empty(0, int), np.empty(0, bool), np.empty((0, 1 + NEXT)))
    return Newcomers(
        np.concatenate([part.owner for part in parts]),
        np.concatenate([part.found for part in parts]),
        np.concatenate([part.near for part in parts]),
    )
