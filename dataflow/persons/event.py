"""What is told of a settled request: a CloudEvent on NATS, in binary mode."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from dataflow.jobs.cloud_event import as_json, attributes, traced
from dataflow.persons.order import Moment
from dataflow.persons.reason import PersonOutcome, PersonReason

TYPE = "users.face.settled.v1"
USED = "used"
"""Stands for the reason of a photo that was used."""
UNCHANGED = "unchanged"
"""Stands for the reason of a photo by which the user was enrolled before, or was not."""
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PhotoOutcome:
    """What became of one photo."""

    image_ref: str = Field(description="As the request named it; or one on record, in full.")
    reason: str = Field(
        description="used; or unchanged, if the user was enrolled by these very photos before; or "
        "why it was not used: the reasons of enrolment (docs/enrolment.md)."
    )
    detail: str = Field(description="The reason in words, for people; may be empty.")
    on_record: bool = Field(
        description="Whether the user was enrolled by it before, and the request only added to it."
    )


@dataclass(frozen=True, slots=True)
class OtherUser:
    """Another user who looks alike."""

    user_id: UUID = Field(description="The other user.")
    distance: Annotated[float, Field(ge=0, le=2)] = Field(
        description="Cosine distance between the two."
    )


@dataclass(frozen=True, slots=True)
class PersonEvent:
    """How a request ended. Fields may be added; none is renamed or removed within this type."""

    user_id: UUID | None = Field(description="The user; null if the payload was no request.")
    request_id: str | None = Field(description="The publisher's id of it, if it gave one.")
    outcome: PersonOutcome = Field(description="What became of the request.")
    reason: PersonReason = Field(description="Why; more reasons may be added.")
    detail: str = Field(description="The reason in words, for people; may be empty.")
    photos: list[PhotoOutcome] = Field(
        description="What became of each photo; empty if none was looked at."
    )
    clash: OtherUser | None = Field(
        description="The user who is so near that both must be one person; null if there is none."
    )
    possibly_also: OtherUser | None = Field(
        description="A user who may be the same person, and may well be another; null if there is "
        "none."
    )
    append: bool = Field(description="Whether the photos were added to those on record.")
    galleries: list[str] | None = Field(
        description="Of which galleries the request made the user a member; null if it named none."
    )
    consent: str | None = Field(description="The version of the terms that the request named.")
    by: str | None = Field(description="Who asked for the withdrawal, if that was said.")
    model: str = Field(description="The embedding contract of the process that settled it.")
    stream: str = Field(description="The stream that the request came from.")
    stream_seq: Annotated[int, Field(ge=1)] = Field(description="The request's sequence on it.")
    deliveries: Annotated[int, Field(ge=1)] = Field(description="How often it was delivered.")
    published_at: datetime = Field(description="When the stream took the request.")
    settled_at: datetime = Field(description="When its outcome was stored.")


_EVENT = TypeAdapter(PersonEvent)


def event_id(event: PersonEvent) -> str:
    """The id of a request's event; with the time, as a stream that is made again counts from 1."""
    published_us = (event.published_at - _EPOCH) // _MICROSECOND
    return quote(f"{event.stream}:{event.stream_seq}:{published_us}", safe=":")


def body(event: PersonEvent) -> bytes:
    """The event's data, as JSON."""
    return as_json(event)


def read(data: bytes | str) -> PersonEvent:
    """What :func:`body` has written."""
    return _EVENT.validate_json(data)


def told_of(data: bytes) -> Moment | None:
    """Of which request a message tells, if it is an event at all: anybody may have written it."""
    try:
        event = read(data)
    except ValidationError:
        return None
    return Moment(event.stream_seq, event.published_at)


def headers(event: PersonEvent, traceparent: str | None = None) -> dict[str, str]:
    """The event's attributes as NATS headers, and the id by which JetStream knows a repetition."""
    found = attributes(TYPE, event_id(event), event.stream, event.user_id, event.settled_at)
    return traced(found, traceparent)
