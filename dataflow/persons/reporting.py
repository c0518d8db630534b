"""One log line and one event for every request about a person, and what is counted of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import structlog

from dataflow.jobs.cloud_event import Told
from dataflow.jobs.outcome import Retry
from dataflow.jobs.stages import Lap
from dataflow.persons.ended import PersonSettled, event_of
from dataflow.persons.event import UNCHANGED, USED, body, headers
from dataflow.persons.reason import PersonReason
from dataflow.process.kind import Kind
from dataflow.process.meters import PEOPLE_METERS
from dataflow.process.metrics import PEOPLE_REQUESTS, PEOPLE_RETRIES, PEOPLE_SECONDS
from dataflow.process.reporting import whose

log = structlog.get_logger()

_NAMELESS = {"user_id": None, "request_id": None}

for _reason in PersonReason:
    PEOPLE_REQUESTS.labels(_reason.outcome, _reason)


def told(item: PersonSettled, stream: str, model: str, settled_at: datetime) -> Told:
    """What is told of a request: what was stored, where its outcome is."""
    event = item.event or event_of(item, stream, model, settled_at)
    return Told(body(event), headers(event, item.delivery.traceparent))


def report_person(item: PersonSettled, late: Iterable[Lap] = ()) -> None:
    """Tell the world how a request ended. Photos and vectors stay out of it."""
    del late
    event = item.event
    age_s = (datetime.now(UTC) - item.delivery.published_at).total_seconds()
    PEOPLE_REQUESTS.labels(item.outcome, item.reason).inc()
    PEOPLE_SECONDS.observe(max(0, age_s))
    fields: dict[str, object] = {
        "outcome": str(item.outcome),
        "reason": str(item.reason),
        **whose(item, _NAMELESS),
        "age_s": round(age_s, 3),
    }
    if item.detail:
        fields["detail"] = item.detail
    if event and event.photos:
        fields["photos_used"] = sum(photo.reason == USED for photo in event.photos)
        fields["photos_refused"] = sum(
            photo.reason not in {USED, UNCHANGED} for photo in event.photos
        )
    if item.repeated:
        fields["repeated"] = True
    log.info("person_settled", **fields)


def report_retry(item: Retry) -> None:
    """Tell that a request will come again."""
    PEOPLE_RETRIES.inc()
    log.info("person_sent_back", **whose(item, _NAMELESS), delay_s=item.delay_s, detail=item.detail)


def _user_of(item: PersonSettled) -> UUID | None:
    return item.job.user_id if item.job else None


PEOPLE = Kind(told, PEOPLE_METERS, report_person, report_retry, _user_of)
"""The requests to enrol somebody, or to forget them."""
