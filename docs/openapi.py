"""Write the OpenAPI document of `soloface serve`, made from the code's own types.

    uv run python docs/openapi.py

A test compares, so it cannot lag behind the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson

REPOSITORY = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))

from soloface.web.app import api  # noqa: E402 - after the path to it

FILE = REPOSITORY / "docs" / "openapi.json"


def document() -> bytes:
    """The document as it is written to its file."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS
    return orjson.dumps(api().openapi(), option=options)


if __name__ == "__main__":
    FILE.write_bytes(document())
