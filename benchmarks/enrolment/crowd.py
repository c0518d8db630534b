"""Made-up people whose faces are as alike as those of the labelled people, and as unlike.

A face is the centre of a population, plus what makes the person, plus what makes the photo. The
last two are normal; their covariances are those of the labelled photos. Photos differ in how much
they are disturbed, so that one person's photos are as far apart as real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from benchmarks.accuracy.faces import Faces
from dataflow.gallery.calibration import Distances
from dataflow.gallery.made_up import Vectors, unit

_UNEVENNESS = 0.45
"""Of the logarithm of a photo's disturbance: found on the labelled photos' distances."""

_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Crowd:
    """How people of each population look: centres, and roots of two covariances."""

    centres: Mapping[str, Distances]
    people_root: Vectors
    photos_root: Vectors

    @classmethod
    def like(cls, groups: Sequence[Faces]) -> Self:
        """Fit it to labelled faces, each set a population. Some person needs two photos."""
        centres, within, between = {}, [], []
        freedom, shares = 0, []
        for faces in groups:
            counts = np.bincount(faces.owners)
            sums = np.zeros((len(counts), faces.embeddings.shape[1]))
            np.add.at(sums, faces.owners, faces.embeddings)
            means = sums / counts[:, None]
            centres[faces.name] = means.mean(axis=0)
            between.append(means - centres[faces.name])
            within.append(faces.embeddings - means[faces.owners])
            freedom += int((counts - 1).sum())
            shares.append(1 / counts)
        photos = _scatter(within) / max(freedom, 1)
        degrees = sum(len(one) - 1 for one in between)
        # The mean of few photos of a person still has some of the photos' own spread.
        people = _scatter(between) / degrees - photos * np.concatenate(shares).mean()
        return cls(centres, _root(people), _root(photos))

    def draw(self, population: str, people: int, photos: int, rng: np.random.Generator) -> Vectors:
        """Faces of new people, shape (people, photos, dimension), each of unit length."""
        size = len(self.people_root)
        single = np.float32
        looks = rng.standard_normal((people, size), single) @ self.people_root.T
        looks += self.centres[population].astype(single)
        spread = rng.standard_normal((people, photos, 1), single) * _UNEVENNESS - _UNEVENNESS**2
        noise = rng.standard_normal((people, photos, size), single) @ self.photos_root.T
        faces = looks[:, None] + np.exp(spread) * noise
        return unit(faces.reshape(-1, size)).reshape(people, photos, size)


def _scatter(parts: Sequence[Distances]) -> Distances:
    whole = np.concatenate(parts).astype(np.float64)
    return np.asarray(whole.T @ whole)


def _root(covariance: Distances) -> Vectors:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, _LEAST_VARIANCE)), np.float32)
