"""A job as it arrives, and what it becomes on its way to the sink."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import orjson
from pydantic import BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, TypeAdapter
from pydantic import ValidationError as PydanticError
from pydantic.dataclasses import dataclass as validated_dataclass

from dataflow import custody
from dataflow.errors import DataError
from dataflow.faces.face import EmbeddedFace
from dataflow.outcome import Reason
from dataflow.stages import Lap

SUSPECT_FROM = 3
"""The delivery from which on a job is tried alone: it may be what killed or held up a process.

The second may have had many harmless reasons.
"""

_MAX_INT4 = 2**31 - 1
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message by JetStream.

    ``ack_token`` is the reply subject: any connection may settle the message by publishing to it.
    ``attempt`` counts deliveries from 1. ``published_at`` is the server's time, with a zone.
    ``traceparent`` is the publisher's trace, if it named one; ``laps`` are what this delivery has
    behind it.

    To pickle one is to send it to another process, which from then on vouches for it.
    """

    payload: bytes
    ack_token: str
    stream_seq: int
    attempt: int
    published_at: datetime
    traceparent: str | None = None
    laps: tuple[Lap, ...] = field(default=(), compare=False)

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same delivery, with these laps behind it."""
        return replace(self, laps=(*self.laps, *laps))

    def __reduce__(self) -> tuple[Callable[..., Delivery], tuple[object, ...]]:
        fields = (
            custody.left(self.ack_token),
            self.payload,
            self.ack_token,
            self.stream_seq,
            self.attempt,
            self.published_at,
            self.traceparent,
            self.laps,
        )
        return _arrived, fields


def _arrived(  # noqa: PLR0913, PLR0917 - a delivery's fields
    receipt: str,
    payload: bytes,
    ack_token: str,
    stream_seq: int,
    attempt: int,
    published_at: datetime,
    traceparent: str | None,
    laps: tuple[Lap, ...],
) -> Delivery:
    custody.arrived(ack_token, receipt)
    return Delivery(payload, ack_token, stream_seq, attempt, published_at, traceparent, laps)


def _id_text(value: object) -> object:
    if isinstance(value, str | UUID | None):
        return value
    raise ValueError("Input should be a string")


def _time_text(value: object) -> object:
    """Refuse the numbers that pydantic would take for seconds since 1970."""
    if isinstance(value, str) and _DATE_AND_TIME.match(value):
        return value
    if isinstance(value, datetime | None):
        return value
    raise ValueError("Input should be an RFC 3339 time")


IdText = BeforeValidator(_id_text)
TimeText = BeforeValidator(_time_text)
Pixels = Annotated[float, Field(strict=True, allow_inf_nan=False)]


@validated_dataclass(frozen=True, slots=True)
class BoxHint:
    """Where the publisher saw the face, in pixels. Informative: the detector decides."""

    x1: Pixels
    y1: Pixels
    x2: Pixels
    y2: Pixels


@validated_dataclass(frozen=True, slots=True, config=ConfigDict(extra="ignore"))
class Job:
    """The request to find out who is on a photo.

    A missing ``image_ref`` is no malformed payload: the guardrails skip it with its own reason.
    """

    photo_id: Annotated[UUID, IdText, Field(description="The photo's id in `photos`.")]
    image_ref: Annotated[
        StrictStr | None,
        Field(description="minio://<bucket>/<key>, or a key in the default bucket."),
    ] = None
    face_index: Annotated[
        StrictInt, Field(ge=0, le=_MAX_INT4, description="Which face of the photo it becomes.")
    ] = 0
    faces_detected: Annotated[
        StrictInt | None, Field(description="How many faces were seen before; 1, or it is skipped.")
    ] = None
    bbox: Annotated[BoxHint | None, Field(description="Where the face was seen; informative.")] = (
        None
    )
    job_id: Annotated[UUID | None, IdText, Field(description="The publisher's own id.")] = None
    submitted_at: Annotated[
        datetime | None, TimeText, Field(description="When the publisher made the job.")
    ] = None


_JOB = TypeAdapter(Job)


def parse_job(payload: bytes) -> Job:
    """Read a job from JSON; unknown fields are ignored.

    Raises:
        DataError: ``malformed_payload``, with the first thing that is wrong.
    """
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise DataError(Reason.MALFORMED_PAYLOAD, f"not JSON: {error.msg}") from None
    if not isinstance(fields, dict):
        raise DataError(Reason.MALFORMED_PAYLOAD, "not a JSON object")
    try:
        return _JOB.validate_python(fields)
    except PydanticError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].partition(",")[0]  # what follows may quote the payload
        raise DataError(Reason.MALFORMED_PAYLOAD, f"{where}: {what}") from None


@dataclass(frozen=True, slots=True)
class Request:
    """A delivery whose payload is a job."""

    delivery: Delivery
    job: Job

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


@dataclass(frozen=True, slots=True)
class Fetched:
    """A request with the bytes of its image."""

    delivery: Delivery
    job: Job
    image: bytes

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


@dataclass(frozen=True, slots=True)
class Recognised:
    """A request whose photo shows exactly one face.

    ``duplicate_of`` is the stream sequence of another job for the same photo that passed before.
    """

    delivery: Delivery
    job: Job
    face: EmbeddedFace
    duplicate_of: int | None = None

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))
