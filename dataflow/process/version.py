"""Which soloface this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("soloface")
except PackageNotFoundError:  # run from its sources
    VERSION = "unknown"
