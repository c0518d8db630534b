"""What is told of a settled job: a CloudEvent on NATS, in binary mode.

The body says how the job ended, the headers which event it is. A job's event has the same id
however often it is told, so that a listener can recognise a repetition.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from pydantic import Field
from pydantic.dataclasses import dataclass

from dataflow.jobs.cloud_event import Told, as_json, attributes, traced
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Outcome, Reason
from dataflow.jobs.stages import Stage, seconds_by_stage

TYPE = "photo_faces.single.settled.v1"
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)

NotNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """How a job ended. Fields may be added; none is renamed or removed within this type."""

    photo_id: UUID | None = Field(description="The job's photo; null if the payload was no job.")
    job_id: UUID | None = Field(description="The publisher's id of the job, if it gave one.")
    gallery: str | None = Field(description="The gallery that the job named; null: everybody.")
    outcome: Outcome = Field(description="What became of the job.")
    reason: Reason = Field(description="Why; more reasons may be added.")
    detail: str = Field(description="The reason in words, for people; may be empty.")
    user_id: UUID | None = Field(description="The matched user; null unless matched.")
    distance: Annotated[float, Field(ge=0, le=2)] | None = Field(
        description="Cosine distance to the nearest user, matched or not."
    )
    margin: NotNegative | None = Field(
        description="How much farther the second-best user is; null if there is none."
    )
    within_threshold: bool | None = Field(
        description="Whether the distance meets the model's calibrated threshold."
    )
    model: str = Field(description="The embedding contract of the worker that settled the job.")
    stream: str = Field(description="The stream that the job came from.")
    stream_seq: Annotated[int, Field(ge=1)] = Field(description="The job's sequence on it.")
    deliveries: Annotated[int, Field(ge=1)] = Field(description="How often it was delivered.")
    repeated: bool = Field(
        description="Whether the job had been settled before, and its answer was lost."
    )
    durations: dict[Stage, NotNegative] = Field(
        description="Seconds of this delivery by stage; stages that it did not pass are missing."
    )
    published_at: datetime = Field(description="When the stream took the job.")
    settled_at: datetime = Field(description="When its outcome was stored.")


def event_of(item: Settled, stream: str, model: str, settled_at: datetime) -> OutcomeEvent:
    """The event of a job whose outcome is stored. Nobody is named who was not matched."""
    delivery, job, match = item.delivery, item.job, item.match
    return OutcomeEvent(
        photo_id=job.photo_id if job else None,
        job_id=job.job_id if job else None,
        gallery=job.gallery if job else None,
        outcome=item.reason.outcome,
        reason=item.reason,
        detail=item.detail,
        user_id=match.user_id if match and item.reason is Reason.MATCHED else None,
        distance=match.distance if match else None,
        margin=match.margin if match else None,
        within_threshold=match.within_threshold if match else None,
        model=model,
        stream=stream,
        stream_seq=delivery.stream_seq,
        deliveries=delivery.attempt,
        repeated=item.repeated,
        durations={
            stage: round(seconds, 6) for stage, seconds in seconds_by_stage(delivery.laps).items()
        },
        published_at=delivery.published_at,
        settled_at=settled_at,
    )


def event_id(event: OutcomeEvent) -> str:
    """The id of a job's event; with the time, because a stream that is made again counts from 1."""
    published_us = (event.published_at - _EPOCH) // _MICROSECOND
    return quote(f"{event.stream}:{event.stream_seq}:{published_us}", safe=":")


def body(event: OutcomeEvent) -> bytes:
    """The event's data, as JSON."""
    return as_json(event)


def headers(event: OutcomeEvent, traceparent: str | None = None) -> dict[str, str]:
    """The event's attributes as NATS headers, and the id by which JetStream knows a repetition."""
    found = attributes(TYPE, event_id(event), event.stream, event.photo_id, event.settled_at)
    return traced(found, traceparent)


def told(item: Settled, stream: str, model: str, settled_at: datetime) -> Told:
    """What is told of a job whose outcome is stored."""
    event = event_of(item, stream, model, settled_at)
    return Told(body(event), headers(event, item.delivery.traceparent))
