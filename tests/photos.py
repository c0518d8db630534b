"""Real photos that come with installed packages, for tests that need real faces."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from dataflow.faces.face import BgrImage
from dataflow.faces.image import decode_image


def packaged(package: str, path: str) -> Path:
    """A file inside an installed package, which is not imported."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], path)


SIX_PEOPLE = packaged("insightface", "data/images/t1.jpg")
TOM_HANKS = packaged("insightface", "data/images/Tom_Hanks_54745.png")
ASTRONAUT = packaged("skimage", "data/astronaut.png")
CAMERAMAN = packaged("skimage", "data/camera.png")
COFFEE = packaged("skimage", "data/coffee.png")


def read(path: Path) -> BgrImage:
    return decode_image(path.read_bytes(), max_pixels=10_000_000)


def jpeg(image: BgrImage, quality: int = 95) -> bytes:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def rotated(image: BgrImage, degrees: float) -> BgrImage:
    """The picture turned about its middle, its size kept."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)


def scaled(image: BgrImage, factor: float) -> BgrImage:
    shape = round(image.shape[1] * factor), round(image.shape[0] * factor)
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, shape, interpolation=kind), np.uint8)


def beside(subject: BgrImage, other: BgrImage) -> BgrImage:
    """One picture in the middle of a grey one, another less than half as large in a corner."""
    canvas = np.full((800, 800, 3), 127, np.uint8)
    height, width = subject.shape[:2]
    top, left = (len(canvas) - height) // 2, (len(canvas) - width) // 2
    canvas[top : top + height, left : left + width] = subject
    small = scaled(other, 0.4)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas


def brighter(image: BgrImage, factor: float) -> BgrImage:
    return np.asarray(cv2.convertScaleAbs(image, alpha=factor), np.uint8)
