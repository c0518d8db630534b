"""`soloface dlq bury`: reject a job by hand."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Annotated

import typer

from connectors.jetstream.letters.burying import gravedigger
from connectors.postgres.connection import Database
from connectors.postgres.gallery import require_tables
from connectors.postgres.photos import photo_states
from connectors.postgres.recorder import record_end
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import ConfigurationError, DataError
from dataflow.jobs.job import Job, parse_job
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.settings import DatabaseSettings, Settings, load_settings
from dataflow.steps.guardrails import PastOutcome
from soloface.cli.output import JsonOption, console, print_json


def bury(
    stream_seq: Annotated[
        int,
        typer.Argument(
            help="The job's sequence on its stream, as `doctor` and the log name it.", min=1
        ),
    ],
    *,
    why: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    by: Annotated[str | None, typer.Option(help="Who says so, for the record.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a job that waits, or that a worker holds.

    Its outcome is recorded with the reason `buried`, its dead letter can be replayed, and the job
    leaves the stream. A worker that holds it lets go of it within some seconds.
    """
    item = asyncio.run(_bury(load_settings(), stream_seq, _detail(why, by)))
    photo_id = item.job.photo_id if item.job else None
    if as_json:
        print_json({"stream_seq": stream_seq, "photo_id": photo_id, "reason": item.reason})
    else:
        whose = f"of photo {photo_id}" if photo_id else "that was no valid job"
        console.print(f"buried {stream_seq} {whose}", highlight=False, soft_wrap=True)


def _detail(why: str | None, by: str | None) -> str:
    return "rejected by hand" + (f" by {by}" if by else "") + (f": {why}" if why else "")


async def _bury(settings: Settings, stream_seq: int, detail: str) -> Settled:
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
