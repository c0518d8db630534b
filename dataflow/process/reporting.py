"""One log line for every job that is settled, and what it adds to the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog

from dataflow.jobs.event import told
from dataflow.jobs.job import Job
from dataflow.jobs.lane import Lane
from dataflow.jobs.outcome import Ended, Gone, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.jobs.stages import Lap, seconds_by_stage
from dataflow.process.kind import Kind
from dataflow.process.meters import PHOTO_METERS
from dataflow.process.metrics import (
    JOB_SECONDS,
    JOBS,
    MATCH_DISTANCE,
    MATCH_MARGIN,
    REPEATS,
    RETRIES,
    STAGE_SECONDS,
)
from dataflow.process.trace import trace_id

log = structlog.get_logger()

_NAMELESS = {"photo_id": None, "job_id": None}


def report_settled(item: Settled, late: Iterable[Lap] = ()) -> None:
    """Tell the world how a job ended. The payload, the image and the vector stay out of it.

    ``late`` is how long its answer took.
    """
    observe_laps(late)
    delivery, match = item.delivery, item.match
    age_s = (datetime.now(UTC) - delivery.published_at).total_seconds()
    _count(item, age_s)
    fields: dict[str, object] = {
        "outcome": str(item.reason.outcome),
        "reason": str(item.reason),
        **whose(item),
        "age_s": round(age_s, 3),
        "durations": {
            str(stage): round(seconds, 4)
            for stage, seconds in seconds_by_stage(delivery.laps).items()
        },
    }
    if item.job and item.job.gallery is not None:
        fields["gallery"] = item.job.gallery
    if item.detail:
        fields["detail"] = item.detail
    if match:
        if item.reason is Reason.MATCHED:
            fields["user_id"] = str(match.user_id)
        fields["distance"] = None if match.distance is None else round(match.distance, 4)
        fields["margin"] = None if match.margin is None else round(match.margin, 4)
        fields["within_threshold"] = match.within_threshold
    if item.repeated:
        fields["repeated"] = True
    log.info("job_settled", **fields)


def report_retry(item: Retry) -> None:
    """Tell that a job will come again."""
    RETRIES.inc()
    observe_laps(item.delivery.laps)
    log.info("job_sent_back", **whose(item), delay_s=item.delay_s, detail=item.detail)


def report_gone(item: Gone) -> None:
    """Tell that a job is somebody else's business."""
    observe_laps(item.delivery.laps)
    log.info("job_let_go", **whose(item), detail=item.detail)


def observe_laps(laps: Iterable[Lap]) -> None:
    """Add to the time of stages."""
    for stage, seconds in seconds_by_stage(laps).items():
        STAGE_SECONDS.labels(stage).observe(seconds)


def _count(item: Settled, age_s: float) -> None:
    JOBS.labels(item.reason.outcome, item.reason).inc()
    JOB_SECONDS.labels(item.delivery.lane).observe(max(0, age_s))
    observe_laps(item.delivery.laps)
    if item.repeated:
        REPEATS.inc()
        return  # whom it found was counted then
    if match := item.match:
        if match.distance is not None:
            MATCH_DISTANCE.labels(item.reason).observe(match.distance)
        if match.margin is not None:
            MATCH_MARGIN.labels(item.reason).observe(match.margin)


def whose(
    item: Ended | Retry | Gone, nameless: Mapping[str, None] = _NAMELESS
) -> dict[str, object]:
    """The names of a job and of its delivery; ``nameless`` are those of one that was not read."""
    delivery, job = item.delivery, item.job
    names: dict[str, object] = {
        **(job.names if job else nameless),
        "stream_seq": delivery.stream_seq,
        "deliveries": delivery.attempt,
    }
    if delivery.lane is not Lane.LIVE:
        names["lane"] = str(delivery.lane)
    if delivery.traceparent:
        names["trace_id"] = trace_id(delivery.traceparent)
    return names


class HasJob(Protocol):
    """Anything on a photo's way."""

    @property
    def job(self) -> Job | None:
        """Its job."""


def _photo_of(item: HasJob) -> UUID | None:
    return item.job.photo_id if item.job else None


PHOTOS = Kind(told, PHOTO_METERS, report_settled, report_retry, _photo_of)
"""The jobs that ask who is on a photo."""
