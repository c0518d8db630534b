"""ONet: places five landmarks anew, and so steadies those of a detector.

A recogniser is as good as the landmarks that a face is cut out by. The two networks err in
different directions, so the mean of both is nearer to the truth than either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dataflow.faces.alignment import ARCFACE, Template, align, similarity
from dataflow.faces.batching import Batched
from dataflow.faces.face import BgrImage

REFINEMENT = "onet48-mean/1"
"""Name, in the embedding contract, of what is done to landmarks here."""

_SIDE = 48
_ENLARGED = 1.25  # found on labelled photos: the network was trained on boxes tighter than chips


def _enlarged() -> tuple[tuple[float, float], ...]:
    """The ArcFace template in the network's chip, larger about the centre of it."""
    shrunk = (np.array(ARCFACE.points) + 0.5) * _SIDE / ARCFACE.size
    about_centre = (shrunk - _SIDE / 2) * _ENLARGED + _SIDE / 2
    return tuple((float(x), float(y)) for x, y in about_centre - 0.5)


_TEMPLATE = Template("onet48", _SIDE, _enlarged())


class ONet:
    """The network as a :class:`~dataflow.faces.packs.pack.Refiner`."""

    __slots__ = ("_input", "_place", "_session")

    _place: Callable[[BgrImage], NDArray[np.float32]]

    def __init__(self, session: ort.InferenceSession, batch: int = 1) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        if batch > 1:
            self._place = Batched(self.place_each, batch)
        else:
            self._place = lambda chip: self.place_each([chip])[0]

    def refined(self, image: BgrImage, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean of the landmarks and of what the network sees.

        Raises:
            DataError: ``low_quality``, when the landmarks make no face.
        """
        chip = align(image, landmarks, _TEMPLATE)
        back = cv2.invertAffineTransform(similarity(landmarks, _TEMPLATE))
        seen = self._place(chip) @ back[:, :2].T + back[:, 2]
        return np.asarray((seen + landmarks) / 2, np.float32)

    def place_each(self, chips: Sequence[BgrImage]) -> list[NDArray[np.float32]]:
        """Five points in each of some chips of 48 x 48 pixels, in pixels."""
        # RGB from -1 to 1. The network was trained on pictures that lie on their side.
        upright = np.stack(chips)[:, :, :, ::-1].astype(np.float32)
        lying = np.ascontiguousarray(((upright - 127.5) / 128).transpose(0, 2, 1, 3))
        (points,) = self._session.run(None, {self._input: lying})
        return [(one.reshape(2, 5).T * _SIDE - 0.5).astype(np.float32) for one in points]
