"""From the bytes of a photo to upright pixels, for bytes that may be damaged or hostile."""

from dataflow.faces.image.decoding import (
    BYTES_PER_PIXEL,
    Preview,
    decode_image,
    decode_preview,
)

__all__ = ["BYTES_PER_PIXEL", "Preview", "decode_image", "decode_preview"]
