"""A pack in memory: networks, and the procedures between them, behind `FacePack`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dataflow.faces import detection
from dataflow.faces.alignment import Template, align, magnification, similarity
from dataflow.faces.batching import Batched
from dataflow.faces.contract import Contract
from dataflow.faces.detection import Detector
from dataflow.faces.face import BgrImage, Embedding, Face
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from dataflow.settings.procedure import Procedure

NORMALISATION = "unit-length/1"
"""Name, in the embedding contract, of what is done to a recogniser's output."""


class Recogniser(Protocol):
    """A recognition network. Safe to share between threads."""

    def features(self, chip: BgrImage) -> NDArray[np.float32]:
        """Describe an aligned face; any length but zero."""


class Refiner(Protocol):
    """What places a detector's landmarks better. Safe to share between threads."""

    def refined(self, image: BgrImage, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Five landmarks in pixels of the image, from a detector's.

        Raises:
            DataError: ``low_quality``, when the landmarks make no face.
        """


@dataclass(frozen=True, slots=True)
class NetworkPack:
    """A detector and a recogniser as a :class:`~dataflow.faces.face.FacePack`.

    A ``refiner`` looks at the one face that is embedded, between the two.
    """

    contract: Contract
    threshold: float
    detector: Detector
    recogniser: Recogniser
    template: Template
    procedure: Procedure
    refiner: Refiner | None = None

    def detect(self, image: BgrImage) -> list[Face]:
        """Find all faces, the highest score first."""
        return detection.detect(self.detector, image, self.procedure)

    def magnification(self, face: Face) -> float:
        """How many pixels of the chip one pixel of the image would fill.

        Raises:
            DataError: ``low_quality``, when the landmarks make no face.
        """
        return magnification(similarity(face.landmarks, self.template))

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        """Embed one face of the image.

        Raises:
            DataError: ``low_quality``, when the landmarks make no face.
        """
        landmarks = face.landmarks
        if self.refiner is not None:
            landmarks = self.refiner.refined(image, landmarks)
        chip = align(image, landmarks, self.template)
        features = self.recogniser.features(chip).astype(np.float32).ravel()
        length = float(np.linalg.norm(features))
        if not np.isfinite(length) or length == 0:
            raise DataError(Reason.LOW_QUALITY, "the network has no answer for this face")
        return features / np.float32(length)


class BatchedRecogniser:
    """Makes one run of many threads' chips. ``describe`` takes chips, and gives a row for each."""

    __slots__ = ("features",)

    def __init__(
        self, describe: Callable[[Sequence[BgrImage]], NDArray[np.float32]], most: int
    ) -> None:
        self.features = Batched[BgrImage, NDArray[np.float32]](lambda c: list(describe(c)), most)


class RawRecogniser:
    """A network that takes RGB values from 0 to 255, as the `open` packs' do."""

    __slots__ = ("_input", "_session")

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def features(self, chip: BgrImage) -> NDArray[np.float32]:
        """Describe a chip of the network's input size."""
        return np.asarray(self.describe([chip])[0])

    def describe(self, chips: Sequence[BgrImage]) -> NDArray[np.float32]:
        """Describe several at once: a row for each."""
        blob = cv2.dnn.blobFromImages(chips, swapRB=True)
        (features,) = self._session.run(None, {self._input: blob})
        return np.asarray(features, np.float32)
