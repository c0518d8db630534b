"""One worker's way from a delivery to its answer: the real steps, between simulated ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import orjson
from structlog.testing import capture_logs

from connectors.sink import RecordingPartition
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import TransientError
from dataflow.jobs.outcome import Retry, Settled
from dataflow.jobs.reason import Outcome, Reason
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.steps.dedup import SeenPhotos
from dataflow.steps.guardrails import Guardrails
from dataflow.steps.request import Recognised, Request
from dataflow.steps.validation import validate
from tests.builders import embedded_face
from tests.faults.machine.database import SimulatedDatabase
from tests.faults.machine.jetstream import SimulatedJetStream

MAX_DELIVER = 4
GRACE_S = 5.0
RETRY_DELAY_S = 5.0

Dedup = Callable[[SeenPhotos, Recognised], Recognised | Settled]


class CrashedError(BaseException):
    """The process is gone; no ``except Exception`` of the worker may notice."""


@dataclass(slots=True)
class Trouble:
    """What goes wrong in one writing.

    The process ends after so many effects; the database fails; the server hears only some of the
    answers.
    """

    effects_left: int | None = None
    database_fails: bool = False
    answers_lost: frozenset[int] = frozenset()
    _answers: int = 0

    def before_an_effect(self) -> None:
        if self.effects_left == 0:
            raise CrashedError
        if self.effects_left is not None:
            self.effects_left -= 1

    def loses_the_answer(self) -> bool:
        self._answers += 1
        return self._answers in self.answers_lost


@dataclass(slots=True)
class Ends:
    """Stands in for the shared client and for the recorder, as the sink knows them."""

    server: SimulatedJetStream
    database: SimulatedDatabase
    trouble: Trouble = field(default_factory=Trouble)
    settled: list[Settled] = field(default_factory=list)
    model: str = "simulated"
    persistence: Persistence = field(
        default_factory=lambda: Persistence(LinearBackoff(1, 0), threading.Event())
    )

    def acquire(self) -> Ends:
        return self

    def record(self, items: Sequence[Recognised | Settled]) -> list[Settled]:
        if self.trouble.database_fails:
            raise TransientError("deadlock detected")
        self.trouble.before_an_effect()
        return self.database.record(items)

    def announce(self, items: Sequence[Settled], model: str) -> None:
        assert model == self.model
        for item in items:
            self.trouble.before_an_effect()
            self.server.events.add(item.delivery.stream_seq)

    def settle(self, items: Sequence[Settled | Retry]) -> None:
        """`Settler` in the order in which it answers: the letter before the term."""
        for item in items:
            delivery = item.delivery
            self.trouble.before_an_effect()
            if isinstance(item, Retry):
                if not self.trouble.loses_the_answer():
                    self.server.nak(delivery.ack_token, item.delay_s)
                continue
            rejected = item.reason.outcome is Outcome.REJECTED
            if rejected:
                self.server.bury(delivery.stream_seq, item.reason)
                self.trouble.before_an_effect()
            if not self.trouble.loses_the_answer():
                self.server.finish(delivery.ack_token, "termed" if rejected else "acked")


@dataclass(slots=True)
class SimulatedWorker:
    """What one process holds; a crash takes all of it."""

    ends: Ends
    clock: Callable[[], datetime]
    dedup: Dedup
    deliveries: list[Delivery] = field(default_factory=list)
    results: list[Recognised | Settled | Retry] = field(default_factory=list)
    seen: SeenPhotos = field(init=False)

    def __post_init__(self) -> None:
        self.crash()

    def crash(self) -> None:
        self.deliveries, self.results = [], []
        self.seen = SeenPhotos(120, 1000, lambda: self.ends.server.now)

    @property
    def tokens(self) -> list[str]:
        """What it vouches for."""
        waiting = [delivery.ack_token for delivery in self.deliveries]
        return waiting + [item.delivery.ack_token for item in self.results]

    def work(self, count: int) -> None:
        """Bring some deliveries as far as the sink."""
        some, self.deliveries = self.deliveries[:count], self.deliveries[count:]
        guardrails = Guardrails(self.ends.database, GRACE_S, RETRY_DELAY_S, self.clock)
        validated = [validate(delivery, MAX_DELIVER) for delivery in some]
        self.results += [item for item in validated if isinstance(item, Settled)]
        requests = [item for item in validated if isinstance(item, Request)]
        for item in guardrails.check(requests):
            self.results.append(self._look(item) if isinstance(item, Request) else item)

    def _look(self, request: Request) -> Recognised | Settled:
        """What the image would have shown, which the job says here."""
        shown = orjson.loads(request.delivery.payload)["shows"]
        if shown != "a face":
            return Settled(request.delivery, request.job, Reason(shown))
        recognised = Recognised(request.delivery, request.job, embedded_face())
        return self.dedup(self.seen, recognised)

    def write(self, count: int, trouble: Trouble) -> None:
        """Let the real sink write some results.

        Raises:
            CrashedError: the process ended in the middle of it.
        """
        some, self.results = self.results[:count], self.results[count:]
        self.ends.trouble = trouble
        ends = cast("Any", self.ends)
        try:
            with capture_logs():
                RecordingPartition(ends, ends, ends.persistence, RETRY_DELAY_S).write_batch([*some])
        except CrashedError:
            self.crash()
            raise
