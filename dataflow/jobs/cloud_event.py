"""What we tell the platform is a CloudEvent on NATS, in binary mode: attributes are headers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

SPEC_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is published."""

    data: bytes
    headers: dict[str, str]


def as_json(event: Any) -> bytes:  # noqa: ANN401 - any dataclass
    """An event's data."""
    return orjson.dumps(event, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def attributes(
    kind: str, identity: str, stream: str, about: UUID | None, at: datetime
) -> dict[str, str]:
    """An event's attributes as headers, and the id by which JetStream knows a repetition.

    ``kind`` is its type, ``stream`` that of its source, ``about`` the photo or the user.
    """
    found = {
        "Nats-Msg-Id": identity,
        "ce-specversion": SPEC_VERSION,
        "ce-id": identity,
        "ce-source": f"/soloface/{quote(stream, safe='')}",
        "ce-type": kind,
        "ce-time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce-datacontenttype": "application/json",
        "content-type": "application/json",
    }
    if about:
        found["ce-subject"] = str(about)
    return found


def traced(headers: dict[str, str], traceparent: str | None) -> dict[str, str]:
    """The same with the trace that the event belongs to, if there is one."""
    if traceparent is None:
        return headers
    return headers | {"traceparent": traceparent, "ce-traceparent": traceparent}
