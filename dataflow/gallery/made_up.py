"""Made-up faces of known users: what a search is measured with where no labelled photos are."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
"""Shape (count, dimension), each of unit length."""

GENUINE = (0.5, 0.7)
"""Cosine similarity of two photos of one person: the hard half of what packs give."""

_ELSEWHERE = 0.001


def unit(vectors: Vectors) -> Vectors:
    """The same directions at length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def disturbed(
    vectors: Vectors,
    rng: np.random.Generator,
    similarity: tuple[float, float] = GENUINE,
    along: Vectors | None = None,
) -> Vectors:
    """One face for each vector, at a similarity drawn from a range, in a random direction.

    All directions are alike, or those in which the vectors of ``along`` lie: that is harder to
    search, since more of them are near such a face.
    """
    count = len(vectors)
    cosine = rng.uniform(*similarity, size=(count, 1)).astype(np.float32)
    away = rng.standard_normal(vectors.shape, dtype=np.float32)
    if along is not None:
        # A little of every direction stays, in case that `along` has none but the vector's own.
        away *= np.float32(_ELSEWHERE)
        away += rng.standard_normal((count, len(along)), dtype=np.float32) @ along
    away -= np.sum(away * vectors, axis=1, keepdims=True) * vectors
    return unit(np.asarray(cosine * vectors + np.sqrt(1 - cosine**2) * unit(away), np.float32))
