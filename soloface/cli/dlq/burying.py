"""Rejecting by hand: the outcome first, then the dead letter, then the end on the stream."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

from connectors.jetstream.letters.burying import BY_HAND, gravedigger
from connectors.postgres.connection import Database
from connectors.postgres.people.requests import bury
from connectors.postgres.photos.recorder import record_end
from connectors.postgres.photos.registry import photo_states
from connectors.postgres.setup.schema import require_tables
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import ConfigurationError, DataError
from dataflow.jobs.job import Job, parse_job
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.persons.asked import SettledBeforeError, asked_by
from dataflow.persons.ended import PersonSettled, event_of
from dataflow.persons.event import PersonEvent
from dataflow.persons.reason import PersonReason
from dataflow.persons.reporting import PEOPLE
from dataflow.persons.request import PersonRequest, validate_person
from dataflow.process.reporting import PHOTOS
from dataflow.settings import DatabaseSettings, Settings
from dataflow.steps.guardrails import PastOutcome


async def reject(settings: Settings, stream_seq: int, detail: str) -> Settled:
    """Bury a job that waits or is held.

    Raises:
        ConfigurationError: there is no such job, or it is settled.
    """
    async with gravedigger(settings.nats, PHOTOS) as digger:
        delivery = await digger.find(stream_seq)
        try:
            job: Job | None = parse_job(delivery.payload)
        except DataError:
            job = None
        item = Settled(delivery, job, Reason.BURIED, detail)
        # The database first, as the worker does it: what is stored is so for good.
        await asyncio.to_thread(_record, settings.database, item)
        await digger.bury(item)
        return item


async def reject_request(settings: Settings, stream_seq: int, detail: str) -> PersonSettled:
    """Bury a request about a person that waits or is held.

    Raises:
        ConfigurationError: there is no such request, or it is settled.
    """
    nats = settings.nats
    async with gravedigger(nats.people, PEOPLE) as digger:
        delivery = await digger.find(stream_seq)
        request = validate_person(delivery, nats.people_withdrawn_subject, nats.max_deliver)
        item = PersonSettled(delivery, request.job, PersonReason.BURIED, detail)
        event = event_of(item, nats.people_stream, BY_HAND, datetime.now(UTC))
        item = replace(item, event=event)
        if isinstance(request, PersonRequest):
            await asyncio.to_thread(_note, settings.database, request, event)
        await digger.bury(item)
        return item


def _note(settings: DatabaseSettings, request: PersonRequest, event: PersonEvent) -> None:
    with closing(Database(settings)) as database, database.connection() as connection:
        require_tables(connection)
        try:
            bury(connection, asked_by(request), event)
        except SettledBeforeError as error:
            raise ConfigurationError(
                f"the request {request.delivery.stream_seq} is settled: {error.event.reason}; "
                "there is nothing to bury"
            ) from None


def _record(settings: DatabaseSettings, item: Settled) -> None:
    with closing(Database(settings)) as database, database.connection() as connection:
        require_tables(connection)
        if item.job:
            past = photo_states(connection, [item.job.photo_id])[item.job.photo_id].past
            _require_open(item.delivery, past)
        record_end(connection, item)


def _require_open(delivery: Delivery, past: PastOutcome | None) -> None:
    """Refuse what has its outcome.

    Raises:
        ConfigurationError: it has; a burial that was interrupted is none.
    """
    if past is None or past.reason is Reason.BURIED:
        return
    if (past.stream_seq, past.published_at) == (delivery.stream_seq, delivery.published_at):
        raise ConfigurationError(
            f"the job {delivery.stream_seq} is settled: {past.reason}; there is nothing to bury"
        )
