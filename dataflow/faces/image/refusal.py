"""Why a picture is refused, before or after its pixels were looked at."""

from __future__ import annotations

from typing import NoReturn

from dataflow.faces.image.kind import ImageKind
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason


def refuse(why: str, cause: Exception | None = None) -> NoReturn:
    """Raise ``image_undecodable``."""
    raise DataError(Reason.IMAGE_UNDECODABLE, why) from cause


def refuse_damaged(kind: ImageKind, cause: Exception | None = None) -> NoReturn:
    """Raise ``image_undecodable`` for a file that breaks its format's rules or ends too soon."""
    refuse(f"the {kind.value} file is damaged or cut short", cause)


def check_size(size: tuple[int, int], kind: ImageKind, max_pixels: int) -> None:
    """Hold the (width, height) that a header claims against the pixels that are allowed.

    Raises:
        DataError: ``image_too_large``, or ``image_undecodable`` when nothing is claimed.
    """
    width, height = size
    if width * height > max_pixels:
        raise DataError(
            Reason.IMAGE_TOO_LARGE,
            f"the {kind.value} file claims {width} x {height} pixels, of {max_pixels} allowed",
        )
    if width * height == 0:
        refuse(f"the {kind.value} file claims {width} x {height} pixels")
