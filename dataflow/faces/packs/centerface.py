"""CenterFace: the detector of the `open` pack.

The network looks at a grid of 4-pixel cells. For each cell it gives a score, the logarithms of a
face's height and width in cells, the offset of its centre, and five landmarks relative to the box;
in each pair the vertical number comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dataflow.faces.batching import Batched
from dataflow.faces.detection import SCORE_THRESHOLD
from dataflow.faces.face import BgrImage, Box, Face

_CELL = 4
_OVERLAP = 0.3  # intersection over union from which two boxes are one face


class CenterFace:
    """The network as a :class:`~dataflow.faces.detection.Detector`."""

    __slots__ = ("_input", "_session", "find")

    find: Callable[[BgrImage], list[Face]]

    def __init__(self, session: ort.InferenceSession, batch: int = 1) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        if batch > 1:
            self.find = Batched(self.find_each, batch, kind=lambda canvas: canvas.shape)
        else:
            self.find = lambda canvas: self.find_each([canvas])[0]

    def find_each(self, canvases: Sequence[BgrImage]) -> list[list[Face]]:
        """Find the faces of pictures of one size, whose sides are multiples of 32."""
        blob = cv2.dnn.blobFromImages(canvases, swapRB=True)
        outputs = self._session.run(None, {self._input: blob})
        return [_faces(*maps) for maps in zip(*outputs, strict=True)]


def _faces(
    heat: NDArray[np.float32],
    size: NDArray[np.float32],
    offset: NDArray[np.float32],
    points: NDArray[np.float32],
) -> list[Face]:
    rows, columns = np.nonzero(heat[0] > SCORE_THRESHOLD)
    if rows.size == 0:
        return []
    boxes = _boxes(rows, columns, size, offset)
    landmarks = _landmarks(boxes, points[:, rows, columns])
    scores = heat[0, rows, columns]
    return [Face(_box(boxes[i]), float(scores[i]), landmarks[i]) for i in _distinct(boxes, scores)]


def _boxes(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    size: NDArray[np.float32],
    offset: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Boxes of the given cells: shape (n, 4), left, top, width and height in pixels."""
    height, width = np.exp(size[:, rows, columns]) * _CELL
    y, x = (offset[:, rows, columns] + np.stack([rows, columns]) + 0.5) * _CELL
    boxes = np.stack([x - width / 2, y - height / 2, width, height], axis=1)
    return boxes.astype(np.float32)


def _landmarks(boxes: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Landmarks in pixels, shape (n, 5, 2), from the network's (10, n) in units of the box."""
    relative = points.T.reshape(-1, 5, 2)[:, :, ::-1]
    landmarks = boxes[:, None, :2] + relative * boxes[:, None, 2:]
    return landmarks.astype(np.float32)


def _distinct(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """Indices of one box per face, the highest score first."""
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), SCORE_THRESHOLD, _OVERLAP)
    return [int(index) for index in np.asarray(kept).ravel()]


def _box(values: NDArray[np.float32]) -> Box:
    left, top, width, height = (float(value) for value in values)
    return Box(left, top, left + width, top + height)
