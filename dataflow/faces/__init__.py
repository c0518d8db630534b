"""Finding and comparing faces."""

import os

# Official builds of ONNX Runtime report to their maker, and keep an id of the machine in its home.
# It must be told before it is loaded; a user who wants it can still say 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
