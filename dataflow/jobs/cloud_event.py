"""What we tell the platform is a CloudEvent on NATS, in binary mode: attributes are headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

SPEC_VERSION = "1.0"


def as_json(event: Any) -> bytes:  # noqa: ANN401 - any dataclass
    """An event's data."""
    return orjson.dumps(event, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def attributes(
    kind: str, identity: str, stream: str, photo_id: UUID | None, at: datetime
) -> dict[str, str]:
    """An event's attributes as headers, and the id by which JetStream knows a repetition.

    ``kind`` is its type, ``stream`` that of its source.
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
    if photo_id:
        found["ce-subject"] = str(photo_id)
    return found
