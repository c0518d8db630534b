"""NATS: the streams and the consumer that workers share, and what our login may do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from connectors.jetstream.examining import surroundings
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings
from soloface.cli.doctor.finding import Warn
from soloface.cli.frame.output import counted


def consumer(settings: Settings) -> Iterator[str]:
    """Is everything there that keeps the promises, or may it be made."""
    found = asyncio.run(surroundings(settings.nats))
    if problems := list(found.problems()):
        raise ConfigurationError("; ".join(problems))
    yield from map(Warn, found.warnings())
    info = found.consumer
    if info is None:
        yield "connected"
    else:
        waiting, in_work = info.num_pending or 0, info.num_ack_pending or 0
        yield f"{settings.nats.durable}: {counted(waiting, 'job')} waiting, {in_work} in work"
