"""Answering the server: acknowledge, give up with a dead letter, or ask for another delivery."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import structlog
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js import JetStreamContext

from connectors.jetstream.connection import Connection
from connectors.jetstream.explaining import why
from connectors.jetstream.jobs.confirming import CONFIRM_TIMEOUT_S, confirmed
from connectors.jetstream.jobs.given_up import NOBODY_ASKS, GivenUp
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.letters.letter import seal
from dataflow.jobs.outcome import Ended, Retry
from dataflow.settings import NatsSettings

log = structlog.get_logger()

ACK = b"+ACK"
TERM = b"+TERM"
_NAK = b"-NAK"
FORGOTTEN_AFTER_S = 1
"""How long the first answers after a return of the server are waited for; see `Settler.answer`."""


class GoneError(NatsError):
    """Nobody takes the answer: the stream or the consumer that delivered the job is gone."""


def nak(delay_s: float) -> bytes:
    """The answer that asks for another delivery after ``delay_s`` seconds."""
    return _NAK + b' {"delay": %d}' % int(delay_s * 1e9)


class Settler:
    """Answers deliveries, each one confirmed by the server. Lives on the connection's loop."""

    def __init__(
        self,
        connection: Connection,
        js: JetStreamContext,
        in_flight: InFlight,
        settings: NatsSettings,
    ) -> None:
        self._connection = connection
        self._js = js
        self._in_flight = in_flight
        self._settings = settings
        self.given_up = GivenUp(connection, settings)
        self._waited_in_vain = False
        self._forgetful_since = math.inf
        self._handed_back = 0
        self._before_drain: int | None = None

    def drain(self) -> None:
        """Count from now on what is handed back."""
        if self._before_drain is None:
            self._before_drain = self._handed_back

    @property
    def handed_back(self) -> int | None:
        """How many deliveries were handed back in the drain; ``None`` if there was none."""
        return None if self._before_drain is None else self._handed_back - self._before_drain

    async def settle(self, items: Sequence[Ended | Retry]) -> None:
        """Answer all of them at once.

        An answer that fails is logged and left: the job comes again after the ack wait, and its
        outcome is found in the database.
        """
        await asyncio.gather(*(self._settle_one(item) for item in items))

    async def answer(self, ack_token: str, answer: bytes) -> None:
        """Send one answer and wait for the server's confirmation.

        A server that was killed may have forgotten its last deliveries. It says nothing to their
        answers and delivers them again; so that is waited for once, shortly, and no more for all
        others that it delivered before it died.

        Raises:
            TimeoutError: not confirmed in time.
            GoneError: the consumer that delivered it is not there any more.
            nats.errors.Error: refused, or disconnected for good.
        """
        connection = self._connection
        since = self._in_flight.since(ack_token)
        self._in_flight.remove(ack_token)
        if connection.is_connected:
            self._waited_in_vain = False
        elif self._waited_in_vain:
            raise TimeoutError("NATS is away")  # one wait is enough for a server that is away
        earlier = since < connection.since
        if earlier and self._forgetful_since == connection.since:
            await connection.publish(ack_token, answer)
            raise TimeoutError("NATS may have forgotten it")
        try:
            await confirmed(
                connection,
                lambda: connection.request(ack_token, answer, timeout=CONFIRM_TIMEOUT_S),
                FORGOTTEN_AFTER_S if earlier else CONFIRM_TIMEOUT_S,
                FORGOTTEN_AFTER_S,
            )
        except NoRespondersError:
            # Not that JetStream is off, which the same answer means where its API is asked.
            raise GoneError("the stream or the consumer that delivered it is gone") from None
        except TimeoutError:
            if since < connection.since:
                self._forgetful_since = connection.since
            self.in_vain()
            raise
        if answer.startswith(_NAK):
            self._handed_back += 1

    def in_vain(self) -> None:
        """Somebody has waited for the server already, and it is away."""
        self._waited_in_vain = not self._connection.is_connected

    async def _settle_one(self, item: Ended | Retry) -> None:
        delivery = item.delivery
        try:
            match item:
                case Retry() if delivery.ack_token == NOBODY_ASKS:
                    self.given_up.again(delivery)
                case Retry():
                    await self.answer(delivery.ack_token, nak(item.delay_s))
                case ended if ended.is_rejected:
                    await self._bury(ended)
                    if delivery.ack_token == NOBODY_ASKS:
                        await self.given_up.settled(delivery)
                    else:
                        await self.answer(delivery.ack_token, TERM)
                case _:
                    await self.answer(delivery.ack_token, ACK)
        except (NatsError, TimeoutError) as error:
            self._in_flight.remove(delivery.ack_token)
            log.warning("answer_unconfirmed", stream_seq=delivery.stream_seq, error=why(error))

    async def _bury(self, item: Ended) -> None:
        """Publish the dead letter; its id makes a repetition harmless."""
        settings = self._settings
        payload, headers = seal(item, settings.stream, self._connection.max_payload)
        await confirmed(
            self._connection,
            lambda: self._js.publish(
                settings.dead_subject,
                payload,
                timeout=CONFIRM_TIMEOUT_S,
                stream=settings.dead_stream,
                headers=headers,
            ),
        )
