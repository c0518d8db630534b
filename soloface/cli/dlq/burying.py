"""Rejecting a job by hand: its outcome first, then its dead letter, then its end on the stream."""

from __future__ import annotations

import asyncio
from contextlib import closing

from connectors.jetstream.letters.burying import gravedigger
from connectors.postgres.connection import Database
from connectors.postgres.photos.recorder import record_end
from connectors.postgres.photos.registry import photo_states
from connectors.postgres.setup.schema import require_tables
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import ConfigurationError, DataError
from dataflow.jobs.job import Job, parse_job
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.settings import DatabaseSettings, Settings
from dataflow.steps.guardrails import PastOutcome


async def reject(settings: Settings, stream_seq: int, detail: str) -> Settled:
    """Bury a job that waits or is held.

    Raises:
        ConfigurationError: there is no such job, or it is settled.
    """
    async with gravedigger(settings.nats) as digger:
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
