"""NATS: the streams and the consumer that workers share, and what our login may do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from connectors.jetstream.examining import surroundings
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings
from soloface.cli.doctor.finding import Warn
from soloface.cli.frame.output import counted

if TYPE_CHECKING:
    from nats.js.api import ConsumerInfo


def consumer(settings: Settings) -> Iterator[str]:
    """Is everything there that keeps the promises, or may it be made."""
    found = asyncio.run(surroundings(settings.nats))
    if problems := list(found.problems()):
        raise ConfigurationError("; ".join(problems))
    yield from map(Warn, found.warnings())
    if found.consumer is None:
        yield "connected"
    else:
        yield _told(settings.nats.durable, found.consumer)
    if found.backfill:
        yield _told(settings.nats.backfill_durable, found.backfill)


def _told(name: str, info: ConsumerInfo) -> str:
    waiting, in_work = info.num_pending or 0, info.num_ack_pending or 0
    return f"{name}: {counted(waiting, 'job')} waiting, {in_work} in work"
