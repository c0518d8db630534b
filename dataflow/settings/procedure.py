"""What is done to a photo before a face is cut out of it: it decides where the landmarks fall."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_MAGNIFICATION = 1.15


@dataclass(frozen=True, slots=True)
class Procedure:
    """How a photo is decoded and shown to a detector.

    A JPEG is decoded at no less than ``preview_px`` on its long side, everything at full size if
    that is ``None``. The detector sees it at the sides of ``passes_px`` in turn, never magnified,
    until it finds something. Where the recogniser's chip would magnify the preview by more than
    ``max_magnification``, the JPEG is decoded once more, finer.

    Faces whose boxes are smaller (by the longer side) than ``ignore_smaller`` times the largest are
    bystanders and do not count.
    """

    preview_px: int | None = 640
    passes_px: tuple[int, ...] = (320, 640)
    max_magnification: float = _MAX_MAGNIFICATION
    ignore_smaller: float = 0.0

    @property
    def name(self) -> str:
        """Name, in the embedding contract, of all that moves landmarks or pixels.

        Bystanders are not in it: whom they leave alone has the same vector as without them.
        """
        looks = "-".join(f"fit{side}" for side in self.passes_px)
        detail = (
            ""
            if self.max_magnification == _MAX_MAGNIFICATION
            else (f"-magnify{self.max_magnification:g}")
        )
        return f"jpeg{self.preview_px or ''}-{looks}-pad32{detail}/2"


FAST = Procedure()
"""As accurate as full-size decoding and 640 pixels throughout, at a fraction of the cost."""
