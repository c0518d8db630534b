"""The demo's pictures: they come with packages that are installed anyway."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from dataflow.faces.face import BgrImage
from dataflow.jobs.errors import ConfigurationError

GROUP = "insightface/data/images/t1.jpg"
ASTRONAUT = "skimage/data/astronaut.png"
ACTOR = "insightface/data/images/Tom_Hanks_54745.png"
CAMERAMAN = "skimage/data/camera.png"
LANDSCAPE = "skimage/data/rocket.jpg"
CAT = "skimage/data/chelsea.png"

_MARGIN = 0.45
"""Of the face's height, kept around it on all sides."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a picture. ``face`` is (x1, y1, x2, y2) in its pixels; the names are made up."""

    name: str
    picture: str
    face: tuple[int, int, int, int]

    def portrait(self) -> BgrImage:
        """The picture cut down to this person."""
        picture = load_picture(self.picture)
        height, width = picture.shape[:2]
        _, _, x2, y2 = self.face
        left, top = self._corner()
        rows = slice(top, min(height, y2 + self._margin))
        columns = slice(left, min(width, x2 + self._margin))
        return np.ascontiguousarray(picture[rows, columns])

    def face_on_portrait(self) -> tuple[int, int, int, int]:
        """The face in pixels of the portrait: (x1, y1, x2, y2)."""
        x1, y1, x2, y2 = self.face
        left, top = self._corner()
        return x1 - left, y1 - top, x2 - left, y2 - top

    @property
    def _margin(self) -> int:
        _, y1, _, y2 = self.face
        return round(_MARGIN * (y2 - y1))

    def _corner(self) -> tuple[int, int]:
        """Left and top of the portrait, in pixels of the picture."""
        x1, y1, _, _ = self.face
        return max(0, x1 - self._margin), max(0, y1 - self._margin)


ENROLLED = (
    Person("Ana", GROUP, (61, 274, 171, 403)),
    Person("Bea", GROUP, (271, 150, 376, 274)),
    Person("Carl", GROUP, (463, 268, 577, 415)),
    Person("Dan", GROUP, (746, 343, 846, 478)),
    Person("Emil", GROUP, (900, 63, 1013, 208)),
    Person("Fay", GROUP, (1132, 274, 1226, 404)),
    Person("Gwen", ASTRONAUT, (185, 63, 268, 174)),
)
STRANGERS = (
    Person("a stranger", ACTOR, (8, 2, 91, 112)),
    Person("another stranger", CAMERAMAN, (197, 113, 257, 200)),
)


@cache
def load_picture(name: str) -> BgrImage:
    """Read a picture out of an installed package.

    Raises:
        ConfigurationError: the package does not hold it.
    """
    package, _, path = name.partition("/")
    spec = find_spec(package)
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    pixels = cv2.imread(str(folder / path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ConfigurationError(f"the demo needs {path} of the package {package}; reinstall it")
    return np.asarray(pixels, np.uint8)
