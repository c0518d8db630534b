"""What a model says about a face, and what soloface asks of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dataflow.faces.contract import Contract
from dataflow.settings.procedure import Procedure

BgrImage: TypeAlias = NDArray[np.uint8]
"""Shape (height, width, 3), blue-green-red, upright."""

Embedding: TypeAlias = NDArray[np.float32]
"""Shape (dimension,), unit length: cosine distance is 1 - dot."""


@dataclass(frozen=True, slots=True)
class Box:
    """A face's bounding box in pixels of the upright photo; (x1, y1) is its top left corner."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def long_side(self) -> float:
        """The larger of its width and height."""
        return max(self.x2 - self.x1, self.y2 - self.y1)

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle, as x and y."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point lies in it or on its edge."""
        return self.x1 <= point[0] <= self.x2 and self.y1 <= point[1] <= self.y2

    def scaled(self, x: float, y: float) -> Box:
        """The same box in a photo that is ``x`` times as wide and ``y`` times as high."""
        return Box(self.x1 * x, self.y1 * y, self.x2 * x, self.y2 * y)


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face.

    ``landmarks`` has shape (5, 2): x and y in pixels of the eyes, the nose tip and the mouth
    corners, each pair from the image's left to its right.
    """

    box: Box
    score: float
    landmarks: NDArray[np.float32]

    def scaled(self, x: float, y: float) -> Face:
        """The same face in a photo that is ``x`` times as wide and ``y`` times as high."""
        landmarks = self.landmarks * np.array([x, y], np.float32)
        return Face(self.box.scaled(x, y), self.score, landmarks)


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a picture of a face is.

    ``score`` is the detector's, ``eye_distance_px`` counts pixels of the photo as it was uploaded,
    ``brightness`` is the mean grey level of the inner face (0 to 255), ``sharpness`` the variance
    of its second derivative relative to its contrast. The angles are estimates from five
    landmarks: they order faces by how far they are turned. Yaw is positive towards the image's
    right, pitch downwards, roll clockwise.
    """

    score: float
    eye_distance_px: float
    sharpness: float
    brightness: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """A face and its embedding, as it is stored.

    ``others`` counts the photo's other faces, which were left out.
    """

    box: Box
    score: float
    embedding: Embedding
    quality: Quality | None = None
    others: int = 0


class FacePack(Protocol):
    """A detector and a recogniser that belong together. Safe to share between threads."""

    @property
    def contract(self) -> Contract:
        """What its vectors may be compared with."""

    @property
    def threshold(self) -> float:
        """The calibrated cosine distance up to which two faces are taken for one person."""

    @property
    def procedure(self) -> Procedure:
        """How photos are to be decoded for it."""

    def detect(self, image: BgrImage) -> list[Face]:
        """Find all faces, the highest score first."""

    def magnification(self, face: Face) -> float:
        """How many pixels of the recogniser's chip one pixel of the image would fill.

        Raises:
            DataError: ``low_quality``, when the landmarks make no face.
        """

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        """Embed one face of the image.

        Raises:
            DataError: ``low_quality``, when the landmarks make no face.
        """
