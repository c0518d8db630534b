"""Vectors as whole numbers of one byte, and how far a cosine can be wrong by that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]
Rows = NDArray[np.intp]

NO_ROWS: Rows = np.empty(0, np.intp)

_MOST = 127
_UNIT = 2.0**-24
"""The relative error of one operation in single precision."""

_SHORTEST, _LONGEST = 1e-3, 1e3
"""Lengths whose squares and products neither vanish nor overflow in single precision."""


def rounding(dimension: int) -> float:
    """How far pgvector's cosine, and ours of coded vectors, may be from the true one by rounding.

    pgvector adds three sums of so many products in single precision: each is wrong by at most
    ``dimension`` units of the product of the lengths, and of the two squares half goes into the
    cosine. One more sum is ours. The rest is for single operations, with room to spare.
    """
    return (4 * dimension + 64) * _UNIT


def has_usual_length(vector: Floats) -> bool:
    """Whether single precision can be relied on to compare it."""
    with np.errstate(over="ignore"):
        return bool(_SHORTEST < np.linalg.norm(vector) < _LONGEST)


@dataclass(frozen=True, slots=True)
class Coded:
    """The directions of vectors: ``codes`` in [-127, 127], times a scale for each vector.

    ``errors`` are the lengths of what that leaves out of the unit vectors, at most. For two vectors
    x and y of unit length, coded as v and w, with x = v + d and y = w + e:
    x·y - v·w = d·y + v·e, so by Cauchy and Schwarz the cosine is wrong by at most
    length(d) + (1 + length(d)) length(e).

    A vector that cannot be coded like that is all zeros here. ``odd`` are the rows of those that
    are too short or too long to be sure of what single precision makes of them, ``blank`` of those
    that are zero: a zero vector has no direction, and PostgreSQL puts it behind all others.
    """

    codes: Codes
    scales: Floats
    errors: Floats
    odd: Rows
    blank: Rows

    @classmethod
    def of(cls, vectors: Floats) -> Self:
        """Code vectors, one per row.

        Raises:
            ValueError: a number among them is not finite.
        """
        dimension = vectors.shape[1]
        with np.errstate(over="ignore"):
            lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        if not (np.isfinite(lengths).all() or np.isfinite(vectors).all()):
            raise ValueError("a vector holds a number that is not finite")
        usual = (lengths > _SHORTEST) & (lengths < _LONGEST)
        blank = NO_ROWS
        if not usual.all():
            blank = np.flatnonzero(~vectors.any(axis=1))
            vectors = np.where(usual[:, np.newaxis], vectors, 0)
            lengths = np.where(usual, lengths, 1)
        steps = np.maximum(vectors.max(axis=1, initial=0), -vectors.min(axis=1, initial=0))
        steps /= np.float32(_MOST)
        steps[~usual] = 1
        codes = vectors * (1 / steps)[:, np.newaxis]
        np.rint(codes, out=codes)
        whole = codes.astype(np.int8)
        codes *= steps[:, np.newaxis]
        np.subtract(vectors, codes, out=codes)
        errors = np.sqrt(np.einsum("ij,ij->i", codes, codes)) / lengths
        # What rounding may have done to the length, to what is left out, and to the sums.
        errors = errors * np.float32(1.001) + np.float32((2 * dimension + 16) * _UNIT)
        odd = np.setdiff1d(np.flatnonzero(~usual), blank)
        return cls(whole, np.where(usual, steps / lengths, 0), errors, odd, blank)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.codes)

    @property
    def dimension(self) -> int:
        """The length of the vectors."""
        return int(self.codes.shape[1])
