"""Labelled photos and worse versions of some, each with its vector and all that is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dataflow.faces.face import Quality
from dataflow.gallery.calibration import Distances
from dataflow.gallery.made_up import Vectors

MEASURES = (
    "score",
    "eye distance, px",
    "sharpness",
    "brightness",
    "yaw, degrees",
    "pitch, degrees",
    "length of the raw vector",
    "landmarks apart, in eye distances",
)
"""The first six are what the policies look at. Then: how long the recogniser's vector is before it
is made to have length 1, and how far the detector's landmarks lie from the refiner's."""

FAR_APART, SHORT = 0.2, 9.5
"""Of the last two measures: what few photos as they are exceed, and fall short of."""


@dataclass(frozen=True)
class Pictures:
    """Faces, a row each.

    ``photos`` says of which photo one is, ``changes`` how it was made worse; empty: not at all.
    ``measures`` has a column for each of :data:`MEASURES`.
    """

    embeddings: Vectors
    measures: Distances
    people: Sequence[str]
    photos: Sequence[str]
    changes: Sequence[str]

    @cached_property
    def names(self) -> list[str]:
        """The people, each once, in order."""
        return sorted(set(self.people))

    @cached_property
    def owners(self) -> NDArray[np.intp]:
        """For each picture the place of its person in :attr:`names`."""
        places = {name: place for place, name in enumerate(self.names)}
        return np.array([places[person] for person in self.people], np.intp)

    @cached_property
    def rows(self) -> list[NDArray[np.intp]]:
        """The pictures of each person."""
        order = np.argsort(self.owners, kind="stable")
        ends = np.cumsum(np.bincount(self.owners))
        return np.split(order, ends[:-1])

    @cached_property
    def photo_numbers(self) -> NDArray[np.intp]:
        """For each picture a number of its photo."""
        return np.asarray(np.unique(np.array(self.photos), return_inverse=True)[1], np.intp)

    @cached_property
    def untouched(self) -> NDArray[np.bool_]:
        """Which pictures are photos as they are."""
        return np.array([not change for change in self.changes])

    def measured(self, name: str) -> Distances:
        """One measure of all."""
        return np.asarray(self.measures[:, MEASURES.index(name)])

    def quality(self, row: int) -> Quality:
        """What the policies look at."""
        score, eyes, sharpness, brightness, yaw, pitch = (float(v) for v in self.measures[row, :6])
        return Quality(score, eyes, sharpness, brightness, yaw, pitch, 0)
