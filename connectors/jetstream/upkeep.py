"""What is deleted under a running worker is made again, or said to be gone."""

from __future__ import annotations

import asyncio

import structlog
from nats.js import JetStreamContext

from connectors.jetstream.jobs.given_up import GivenUp
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.provision import Provision, provision
from dataflow.settings import NatsSettings

log = structlog.get_logger()


class Upkeep:
    """Keeps streams and consumer there. Lives on the connection's loop."""

    def __init__(
        self,
        js: JetStreamContext,
        settings: NatsSettings,
        in_flight: InFlight,
        given_up: GivenUp,
        found: Provision,
    ) -> None:
        self._js = js
        self._settings = settings
        self._in_flight = in_flight
        self._given_up = given_up
        self._last_seq = found.jobs.state.last_seq
        self._lock = asyncio.Lock()

    def saw(self, stream_seq: int) -> None:
        """A job with this sequence was there."""
        self._last_seq = max(self._last_seq, stream_seq)

    async def restore(self) -> bool:
        """Make again what is gone; returns whether anything was.

        A stream of jobs goes on to count where it was: an answer to a job of the old one must not
        be taken for an answer to a new job.

        Raises:
            ConfigurationError: it may not be made, or somebody made it as it must not be.
            SystemicError: JetStream does not answer.
        """
        async with self._lock:
            found = await provision(self._js, self._settings, self._last_seq + 1)
            self._last_seq = max(self._last_seq, found.jobs.state.last_seq)
            for name in found.made:
                log.warning("made_again", what=name)
            self._in_flight.pace(found.ack_wait_s)
            self._given_up.adapt(found)
            return bool(found.made)
