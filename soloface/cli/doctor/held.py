"""Jobs and requests that are held: delivered, and not settled for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from connectors.jetstream.held import InWork, oldest_in_work
from dataflow.jobs.errors import SolofaceError
from dataflow.settings import Settings
from soloface.cli.doctor.finding import Warn

OLD = timedelta(seconds=60)
LOOK_FOR_S = 5
"""A long queue makes every job old. So one is called held only if it stays the oldest in work."""


def held(settings: Settings) -> Iterator[str]:
    """Is some job in work for long."""
    try:
        oldest = asyncio.run(oldest_in_work(settings.nats, OLD, LOOK_FOR_S))
    except SolofaceError:
        return  # there is no consumer, or no NATS, which is for the check of NATS to say
    if oldest is None:
        yield "no job is in work"
    elif oldest.age > OLD and oldest.stays:
        yield Warn(
            f"job {_words(oldest)}, and is not settled. Why: soloface doctor --object KEY, and "
            "`job_held` in the worker's log. To reject it by hand: soloface dlq bury "
            f"{oldest.stream_seq}"
        )
    else:
        yield f"the oldest in work: job {_words(oldest)}"


def held_request(settings: Settings) -> Iterator[str]:
    """The request about a person that is in work for long, if there is one."""
    try:
        oldest = asyncio.run(oldest_in_work(settings.nats.people, OLD, LOOK_FOR_S))
    except SolofaceError:
        return  # this login need not be allowed to read them
    if oldest and oldest.age > OLD and oldest.stays:
        user = f"of user {oldest.user_id}" if oldest.user_id else "that is no valid request"
        yield Warn(
            f"request {oldest.stream_seq} {user}{_since(oldest)}, and is not settled. Why: "
            "`job_held` and `person_sent_back` in the log. To reject it by hand: soloface dlq bury "
            f"{oldest.stream_seq} --people"
        )


def _words(oldest: InWork) -> str:
    photo = f"of photo {oldest.photo_id}" if oldest.photo_id else "that is no valid job"
    image = f", image {oldest.image_ref}" if oldest.image_ref else ""
    return f"{oldest.stream_seq} {photo}{image}{_since(oldest)}"


def _since(oldest: InWork) -> str:
    return (
        f" was published {oldest.age.total_seconds():.0f} s ago "
        f"({oldest.in_work} in work, {oldest.redelivered} of them delivered more than once)"
    )
