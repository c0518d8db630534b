# noqa: INP001 - Python itself looks for it here
"""Makes a picture deadly: on the path of a process, whose decoder then dies of it.

Python imports a module of this name at its start, from wherever the path leads to one first.
"""

from __future__ import annotations

import os
import signal
import sys

if "bytewax.run" in sys.orig_argv:
    import dataflow.steps.recognition
    from dataflow.faces.image import Preview

    DEADLY = b"this picture kills its decoder"
    _recognition = vars(dataflow.steps.recognition)
    _decode = _recognition["decode_preview"]

    def _decode_or_die(data: bytes, *, max_pixels: int, long_side: int) -> Preview:
        if data.endswith(DEADLY):
            os.kill(os.getpid(), signal.SIGKILL)
        preview: Preview = _decode(data, max_pixels=max_pixels, long_side=long_side)
        return preview

    _recognition["decode_preview"] = _decode_or_die
