"""Enrolling a user: several photos become one vector."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataflow.errors import DataError
from dataflow.faces.face import Embedding, FacePack
from dataflow.recognition import recognise
from dataflow.settings import ImageSettings


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was not used, and why; ``reason`` is a stable code."""

    photo: Path
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a user's photos came to. ``embedding`` is ``None`` when no photo could be used."""

    embedding: Embedding | None
    used: list[Path]
    refused: list[Refusal]


def mean_embedding(embeddings: Iterable[Embedding]) -> Embedding:
    """The unit-length mean of unit vectors, shape (dimension,)."""
    mean = np.mean(list(embeddings), axis=0)
    unit: Embedding = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def embed_photos(photos: Iterable[Path], pack: FacePack, limits: ImageSettings) -> Enrolment:
    """Embed the photos that show exactly one face; the others are refused, each with its reason."""
    used: list[Path] = []
    refused: list[Refusal] = []
    embeddings: list[Embedding] = []
    for photo in photos:
        try:
            face = recognise(photo.read_bytes(), pack, limits.max_pixels)
        except OSError as error:
            refused.append(Refusal(photo, "unreadable_file", error.strerror or str(error)))
        except DataError as error:
            refused.append(Refusal(photo, str(error.reason), str(error)))
        else:
            used.append(photo)
            embeddings.append(face.embedding)
    return Enrolment(mean_embedding(embeddings) if embeddings else None, used, refused)
