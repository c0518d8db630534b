"""Made-up people: how alike two photos of one are, and how alike two of them."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy.faces import Faces
from dataflow.gallery.made_up import disturbed, unit


def faces_of(
    people: int, photos: int, similarity: float, seed: int = 0, name: str = "made-up"
) -> Faces:
    rng = np.random.default_rng(seed)
    looks = unit(rng.standard_normal((people, 64), dtype=np.float32))
    each = disturbed(np.repeat(looks, photos, axis=0), rng, (similarity, similarity))
    owners = np.repeat(np.arange(people), photos)
    names = [f"{name}/{owner:03}" for owner in owners]
    paths = [f"{name}/{place}.jpg" for place in range(len(each))]
    return Faces(name, each, names, paths, len(each), {})


def faces_at(*angles_by_person: tuple[float, ...], name: str = "plane") -> Faces:
    """People in a plane, each photo at an angle in degrees."""
    angles = np.radians([angle for angles in angles_by_person for angle in angles])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    people = [f"{name}/{n}" for n, angles in enumerate(angles_by_person) for _ in angles]
    paths = [f"{name}/{place}.jpg" for place in range(len(people))]
    return Faces(name, vectors, people, paths, len(people), {})
