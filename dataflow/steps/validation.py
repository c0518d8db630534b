"""Step 1: is this a job at all, and has it been tried too often?"""

from __future__ import annotations

from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import DataError
from dataflow.jobs.job import parse_job
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Request


def validate(delivery: Delivery, max_deliver: int) -> Request | Settled:
    """Read the payload.

    A job that came more than ``max_deliver`` times may be what kills the process, so it is given up
    here, before anything touches its image.
    """
    try:
        job = parse_job(delivery.payload)
    except DataError as error:
        return Settled(delivery, None, error.reason, str(error))
    if delivery.attempt > max_deliver:
        detail = f"delivered {delivery.attempt} times without an outcome"
        return Settled(delivery, job, Reason.ATTEMPTS_EXHAUSTED, detail)
    return Request(delivery, job)
