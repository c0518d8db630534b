"""Boxes as other detectors draw them, and the face that each of them finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import hypot
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import cv2
import numpy as np

from benchmarks.bystanders.scenes import Scene
from dataflow.faces.choosing import FaceIn
from dataflow.faces.face import Box
from dataflow.faces.image import decode_preview
from dataflow.jobs.errors import DataError

Manner: TypeAlias = Callable[[Box], Box]
Fits: TypeAlias = Callable[[Box, Sequence[Box]], Sequence[int]]
"""The places of the faces that a box fits."""

_YUNET_PX = 640
_YUNET_SCORE = 0.6
_ON_THE_FACE = 0.5


def _drawn(factor: float, *, square: bool = False, x: float = 0, y: float = 0) -> Manner:
    """So many times as large, and moved by shares of the longer side."""

    def manner(face: Box) -> Box:
        wide, high = face.x2 - face.x1, face.y2 - face.y1
        side = face.long_side
        wide, high = (side, side) if square else (wide, high)
        left, top = face.middle[0] + x * side, face.middle[1] + y * side
        wide, high = factor * wide / 2, factor * high / 2
        return Box(left - wide, top - high, left + wide, top + high)

    return manner


MANNERS: Mapping[str, Manner] = MappingProxyType(
    {
        "as ours": _drawn(1),
        "half as large": _drawn(0.5),
        "0.7 times as large": _drawn(0.7),
        "1.5 times as large": _drawn(1.5),
        "twice as large": _drawn(2),
        "square": _drawn(1, square=True),
        "moved by a fifth, both ways": _drawn(1, x=0.2, y=0.2),
        "the head: square, 1.5 times, higher by a fifth": _drawn(1.5, square=True, y=-0.2),
    }
)


def by_middles(box: Box, faces: Sequence[Box]) -> Sequence[int]:
    """The rule of the worker."""
    return [place for place, face in enumerate(faces) if _fits_alone(box, face)]


def by_overlap(least: float) -> Fits:
    """Faces whose boxes have at least that intersection over union with the box."""
    return lambda box, faces: [p for p, face in enumerate(faces) if overlap(box, face) >= least]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    wide = max(0.0, min(one.x2, other.x2) - max(one.x1, other.x1))
    high = max(0.0, min(one.y2, other.y2) - max(one.y1, other.y1))
    both = wide * high
    areas = ((box.x2 - box.x1) * (box.y2 - box.y1) for box in (one, other))
    return both / (sum(areas) - both) if both else 0.0


def counted(drawn: Iterator[tuple[Scene, Box, int | None]], fits: Fits) -> Counter[str]:
    """How many boxes fit their face, none, several, or another one."""
    counts: Counter[str] = Counter()
    for scene, box, meant in drawn:
        match fits(box, scene.faces):
            case []:
                counts["none"] += 1
            case [place]:
                counts["right" if place == meant else "another"] += 1
            case _:
                counts["several"] += 1
    return counts


def drawn_by(manner: Manner, scenes: Sequence[Scene]) -> Iterator[tuple[Scene, Box, int | None]]:
    """Each face's box in a manner."""
    for scene in scenes:
        for place, face in enumerate(scene.faces):
            yield scene, manner(face), place


def drawn_by_yunet(
    model: Path, scenes: Sequence[Scene], max_pixels: int
) -> Iterator[tuple[Scene, Box, int | None]]:
    """The boxes of another detector; the face that is meant is where its landmarks are.

    ``None``: ours has not found that face.
    """
    network = cv2.FaceDetectorYN.create(str(model), "", (_YUNET_PX, _YUNET_PX), _YUNET_SCORE)
    for scene in scenes:
        photo = decode_preview(
            Path(scene.path).read_bytes(), max_pixels=max_pixels, long_side=_YUNET_PX
        ).pixels
        high, wide = photo.shape[:2]
        scale = _YUNET_PX / max(wide, high)
        size = round(wide * scale), round(high * scale)
        network.setInputSize(size)
        _, found = network.detect(cv2.resize(photo, size, interpolation=cv2.INTER_AREA))
        if found is None:
            continue
        for row in np.asarray(found, np.float64) * (scene.width / size[0]):
            left, top, wide_, high_ = row[:4].tolist()
            x, y = row[4:14].reshape(-1, 2).mean(axis=0).tolist()
            yield scene, Box(left, top, left + wide_, top + high_), _there(scene.faces, x, y)


def _there(faces: Sequence[Box], x: float, y: float) -> int | None:
    """The face whose middle is nearest to the mean of five landmarks, if it is on that face."""
    away = [hypot(face.middle[0] - x, face.middle[1] - y) / face.long_side for face in faces]
    nearest = min(range(len(faces)), key=away.__getitem__)
    return nearest if away[nearest] <= _ON_THE_FACE else None


def _fits_alone(box: Box, face: Box) -> bool:
    try:
        FaceIn(box)([face], 1, 1)
    except DataError:
        return False
    return True
