"""`reference` mode: what insightface's ``FaceAnalysis.get`` does, but for rounding.

Slower by far, and the yardstick: for those who must have its vectors, and to compare with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dataflow.faces import alignment
from dataflow.faces.contract import Contract
from dataflow.faces.detection import without_bystanders
from dataflow.faces.face import BgrImage, Box, Embedding, Face
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from dataflow.settings.procedure import Procedure

REFERENCE_DETECTION = "insightface-get640/1"
REFERENCE_ALIGNMENT = "insightface-norm-crop/1"


@dataclass(frozen=True, slots=True)
class ReferencePack:
    """insightface's two models as a :class:`~dataflow.faces.face.FacePack`.

    The one thing left out is what changes no answer: faces are embedded only where there is one.
    """

    contract: Contract
    threshold: float
    detector: Any  # insightface has no types
    recogniser: Any
    ignore_smaller: float = 0.0

    @property
    def procedure(self) -> Procedure:
        """Photos are decoded whole."""
        return Procedure(preview_px=None)

    def detect(self, image: BgrImage) -> list[Face]:
        """Find all faces, the highest score first."""
        boxes, landmarks = self.detector.detect(image, max_num=0, metric="default")
        faces = [
            Face(Box(*(float(side) for side in box[:4])), float(box[4]), points)
            for box, points in zip(boxes, landmarks, strict=True)
        ]
        return without_bystanders(faces, self.ignore_smaller)

    def magnification(self, face: Face) -> float:
        """How many pixels of the chip one pixel of the image would fill."""
        return alignment.magnification(alignment.similarity(face.landmarks, alignment.ARCFACE))

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        """Embed one face of the image.

        Raises:
            DataError: ``low_quality``, when the landmarks make no face.
        """
        from insightface.app.common import Face as Theirs  # type: ignore[import-untyped]  # noqa: PLC0415

        alignment.similarity(face.landmarks, alignment.ARCFACE)
        features = np.asarray(self.recogniser.get(image, Theirs(kps=face.landmarks)), np.float32)
        length = float(np.linalg.norm(features))
        if not np.isfinite(length) or length == 0:
            raise DataError(Reason.LOW_QUALITY, "the network has no answer for this face")
        return features / np.float32(length)
