"""The streams of requests about people, where a platform uses them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from connectors.jetstream.examining import surroundings
from connectors.jetstream.rights import Need, worker_rights
from dataflow.jobs.errors import ConfigurationError, SolofaceError
from dataflow.settings import Settings
from soloface.cli.doctor.finding import Warn
from soloface.cli.doctor.held import held_request
from soloface.cli.frame.output import counted


def requests(settings: Settings) -> Iterator[str]:
    """Is everything there for people who are enrolled by messages, if anybody is."""
    nats = settings.nats.people
    try:
        found = asyncio.run(surroundings(nats))
    except SolofaceError:
        return  # there is no NATS, or this login may not look, as a worker's need not
    if found.streams[0][1] is None:
        yield f"not in use: there is no stream {nats.stream}; docs/people.md says what it is for"
        return
    # Only who could serve the stream is told what it lacks to erase somebody.
    serving = set(worker_rights(nats))
    if any(right in serving and right.need is Need.ALWAYS for right in found.rights or []):
        yield f"the stream {nats.stream} is there; this login is not one that serves it"
        return
    if problems := list(found.problems()):
        raise ConfigurationError("; ".join(problems))
    yield from map(Warn, found.warnings())
    if found.consumer:
        waiting, in_work = found.consumer.num_pending or 0, found.consumer.num_ack_pending or 0
        yield f"{nats.durable}: {counted(waiting, 'request')} waiting, {in_work} in work"
        yield from held_request(settings)
