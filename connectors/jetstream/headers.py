"""A message's header block, which anybody may have written: nothing in it can raise."""

from __future__ import annotations

import re
from typing import TypeAlias

Headers: TypeAlias = dict[str, str]

STATUS, DESCRIPTION = "Status", "Description"
_VERSION = b"NATS/1.0"
_STATUS_CODE = re.compile(rb"[0-9]{3}")
_NAME = re.compile(rb"[!-9;-~]+")


def parse(block: bytes | None) -> Headers | None:
    """The headers of a block as it came off the wire; ``None`` if it names none.

    Of several with one name the last counts. What is no UTF-8 becomes U+FFFD, a line that is no
    header is passed over. The server's own words, ``NATS/1.0 503 …``, are found under `STATUS`
    and `DESCRIPTION`; a publisher may write the same, so the headers alone never tell whether it
    was the server.
    """
    first, *lines = (block or b"").split(b"\r\n")
    found: Headers = {}
    if first.startswith(_VERSION + b" "):
        status, _, description = first[len(_VERSION) :].strip().partition(b" ")
        if _STATUS_CODE.fullmatch(status):
            found |= {STATUS: status.decode(), DESCRIPTION: _text(description)}
    for line in lines:
        name, colon, value = line.partition(b":")
        key = name.strip()
        if colon and _NAME.fullmatch(key):
            found[key.decode()] = _text(value)
    return found or None


def _text(value: bytes) -> str:
    return value.strip().decode("utf-8", "replace")
