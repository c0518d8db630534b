"""Where a page ends, as a word that callers pass back unread."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

import orjson

from connectors.postgres.review.people import NO_DISTANCE, LastSeen, TaggedPhoto
from connectors.postgres.review.queues import Place
from soloface.web.gate.problems import Code, ProblemError


def of_place(place: Place) -> str:
    """The cursor of a queue's page."""
    return _written([place.settled_at.isoformat(), str(place.photo_id)])


def place_of(cursor: str) -> Place:
    """Where the queue goes on.

    Raises:
        ProblemError: it is no cursor of ours.
    """
    time, photo_id = _read(cursor)
    try:
        settled_at = datetime.fromisoformat(time)
        if settled_at.tzinfo is None:
            raise _wrong()
        return Place(settled_at, UUID(photo_id))
    except (ValueError, TypeError, AttributeError):
        raise _wrong() from None


def of_tagged(photo: TaggedPhoto) -> str:
    """The cursor of a page of a user's photos."""
    distance = NO_DISTANCE if photo.distance is None else photo.distance
    return _written([distance.hex(), str(photo.photo_id)])


def tagged_of(cursor: str) -> LastSeen:
    """Where the user's photos go on.

    Raises:
        ProblemError: it is no cursor of ours.
    """
    distance, photo_id = _read(cursor)
    try:
        return LastSeen(float.fromhex(distance), UUID(photo_id))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise _wrong() from None


def _written(parts: list[str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _read(cursor: str) -> tuple[str, str]:
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        first, second = parts
    except (ValueError, TypeError, binascii.Error):
        raise _wrong() from None
    if not (isinstance(first, str) and isinstance(second, str)):
        raise _wrong()
    return first, second


def _wrong() -> ProblemError:
    return ProblemError(Code.INVALID_REQUEST, "cursor: give the `next` of the page before")
