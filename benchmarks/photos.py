"""Photos of one person each, in the sizes that people upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from dataflow.faces.face import BgrImage
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, LANDSCAPE, STRANGERS, load_picture

SIZES = {"500 px": (500, 375), "2 MP": (1632, 1224), "12 MP": (4000, 3000)}
"""Width and height in pixels."""

_PORTRAIT_SHARE = 0.5
"""Of the photo's height, for a portrait that is half face: a person at a talking distance."""

_GRAIN = 4.0
"""Standard deviation of a sensor's noise; without it, large files would be small and cheap."""

_QUALITY = 90


def make_photos(folder: Path, size: tuple[int, int]) -> list[Path]:
    """Write a JPEG of each of the demo's people, before a landscape."""
    folder.mkdir(parents=True, exist_ok=True)
    return list(_written(folder, size))


def _written(folder: Path, size: tuple[int, int]) -> Iterator[Path]:
    random = np.random.default_rng(seed=1)
    backdrop = cv2.resize(load_picture(LANDSCAPE), size, interpolation=cv2.INTER_CUBIC)
    for number, person in enumerate((*ENROLLED, *STRANGERS)):
        photo = beside(np.asarray(backdrop, np.uint8), person.portrait(), number)
        noise = random.normal(0, _GRAIN, photo.shape[:2]).astype(np.int16)
        grainy = np.clip(photo + noise[:, :, None], 0, 255).astype(np.uint8)
        path = folder / f"{number}.jpg"
        path.write_bytes(jpeg(grainy, _QUALITY))
        yield path


def beside(
    backdrop: BgrImage, portrait: BgrImage, number: int, share: float = _PORTRAIT_SHARE
) -> BgrImage:
    """The portrait on the backdrop, ``share`` of it high, not always at the same place."""
    height, width = backdrop.shape[:2]
    scale = height * share / portrait.shape[0]
    shown = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    rows, columns = shown.shape[:2]
    top, left = height - rows, (width - columns) * (number % 3 + 1) // 4
    photo = backdrop.copy()
    photo[top : top + rows, left : left + columns] = shown
    return photo
