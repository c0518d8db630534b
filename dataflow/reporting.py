"""One log line and one count for every job that is settled."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from prometheus_client import Counter

from dataflow.outcome import Reason, Retry, Settled

log = structlog.get_logger()

JOBS = Counter("soloface_jobs", "Settled jobs.", ["outcome", "reason"])
RETRIES = Counter("soloface_retries", "Deliveries that were sent back to come again.")


def report_settled(item: Settled) -> None:
    """Tell the world how a job ended. The payload, the image and the vector stay out of it."""
    delivery, match = item.delivery, item.match
    JOBS.labels(item.reason.outcome, item.reason).inc()
    fields: dict[str, object] = {
        "outcome": str(item.reason.outcome),
        "reason": str(item.reason),
        **_whose(item),
        "age_s": round((datetime.now(UTC) - delivery.published_at).total_seconds(), 3),
    }
    if item.detail:
        fields["detail"] = item.detail
    if match:
        if item.reason is Reason.MATCHED:
            fields["user_id"] = str(match.user_id)
        fields["distance"] = round(match.distance, 4)
        fields["margin"] = None if match.margin is None else round(match.margin, 4)
        fields["within_threshold"] = match.within_threshold
    if item.repeated:
        fields["repeated"] = True
    log.info("job_settled", **fields)


def report_retry(item: Retry) -> None:
    """Tell that a job will come again."""
    RETRIES.inc()
    log.info(
        "job_sent_back",
        **_whose(item),
        delay_s=item.delay_s,
        detail=item.detail,
    )


def _whose(item: Settled | Retry) -> dict[str, object]:
    delivery, job = item.delivery, item.job
    return {
        "photo_id": str(job.photo_id) if job else None,
        "job_id": str(job.job_id) if job and job.job_id else None,
        "stream_seq": delivery.stream_seq,
        "deliveries": delivery.attempt,
    }
