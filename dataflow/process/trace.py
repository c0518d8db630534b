"""The trace that a job belongs to, as W3C Trace Context has it."""

from __future__ import annotations

import re
from collections.abc import Mapping

HEADER = "traceparent"
# Version ff and ids of zeros are invalid; a later version may have more to say at the end.
PATTERN = (
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{1,200})?"
)
_TRACEPARENT = re.compile(PATTERN)
_VERSION = "00"


def traceparent_of(headers: Mapping[str, str] | None) -> str | None:
    """The trace that a message's headers name, if they name one as they should."""
    value = str((headers or {}).get(HEADER, ""))
    found = _TRACEPARENT.fullmatch(value)
    return value if found and not (found[2] and value.startswith(_VERSION)) else None


def format_traceparent(trace: int, span: int, flags: int) -> str:
    """A trace and the span in it that comes before, as a header says it."""
    return f"{_VERSION}-{trace:032x}-{span:016x}-{flags:02x}"


def trace_id(traceparent: str | None) -> str | None:
    """The id by which to find a trace."""
    return traceparent.split("-")[1] if traceparent else None
