"""CenterFace, for photos of any size."""

from __future__ import annotations

import onnx

from dataflow.faces.packs.conversion.shape import finish


def clean_centerface(data: bytes) -> onnx.ModelProto:
    """Let the network run at any size, and fast: its file lists all weights as inputs too."""
    model = onnx.load_from_string(data)
    finish(model, {0: "N", 2: "height", 3: "width"}, {0: "N", 2: "rows", 3: "columns"})
    return model
