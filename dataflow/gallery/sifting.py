"""Which faces may get another answer when users change: a bound that passes over none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ROUNDING = 1e-5
"""How far two ways of computing a cosine distance in single precision may lie apart."""

Vectors = npt.NDArray[np.float32]
Distances = npt.NDArray[np.float64]


def may_change(
    faces: Vectors, bounds: Distances, users: Vectors, reach: float
) -> npt.NDArray[np.bool_]:
    """Which faces have a user within their bound, all faces with all users at once.

    Args:
        faces: vectors of faces, one per row, of any length but 0.
        bounds: for each, the cosine distance of its second-nearest user; infinite: it has none.
        users: vectors of users, one per row.
        reach: the distance beyond which no user is of interest.

    Returns:
        One truth value per face. Some of them are true by rounding only; none is false by it.
    """
    if not len(users) or not len(faces):
        return np.zeros(len(faces), bool)
    likeness = unit(faces) @ unit(users).T
    nearest = 1 - likeness.max(axis=1).astype(np.float64)
    return np.asarray(nearest <= np.minimum(bounds, reach) + ROUNDING)


def unit(vectors: Vectors) -> Vectors:
    """The same directions, each of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
