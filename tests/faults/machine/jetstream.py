"""A small model of a JetStream consumer: deliveries, ack wait, naks, lost answers, dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from dataflow.jobs.delivery import Delivery
from tests.builders import PUBLISHED

ACK_WAIT_S = 30.0


@dataclass(slots=True)
class _Message:
    payload: bytes
    attempts: int = 0
    due_at: float = 0
    """When it is delivered (again), unless it is answered before."""
    answered: str = ""
    """``acked`` or ``termed``; nothing is delivered after that."""


@dataclass(slots=True)
class SimulatedJetStream:
    """One work queue and one durable consumer without a limit of deliveries."""

    now: float = 0
    messages: dict[int, _Message] = field(default_factory=dict)
    letters: dict[int, str] = field(default_factory=dict)
    """The reason of each job's letter; a second one with the same id is not stored."""
    events: set[int] = field(default_factory=set)
    """The jobs whose outcome was announced."""

    def publish(self, payload: bytes) -> int:
        seq = len(self.messages) + 1
        self.messages[seq] = _Message(payload)
        return seq

    def fetch(self, most: int) -> list[Delivery]:
        """What is due, the oldest first."""
        due = [s for s, m in self.messages.items() if not m.answered and m.due_at <= self.now]
        return [self._deliver(seq) for seq in due[:most]]

    def _deliver(self, seq: int) -> Delivery:
        message = self.messages[seq]
        message.attempts += 1
        message.due_at = self.now + ACK_WAIT_S
        return Delivery(
            payload=message.payload,
            ack_token=f"{seq}.{message.attempts}",
            stream_seq=seq,
            attempt=message.attempts,
            published_at=PUBLISHED + timedelta(seconds=seq),
        )

    def finish(self, token: str, how: str) -> None:
        """An ack or a term counts, whichever of a job's deliveries it answers."""
        message, _ = self._of(token)
        message.answered = message.answered or how

    def nak(self, token: str, delay_s: float) -> None:
        """A nak counts for the last delivery only."""
        message, current = self._of(token)
        if current and not message.answered:
            message.due_at = self.now + delay_s

    def in_progress(self, tokens: Iterable[str]) -> None:
        """Signs of life."""
        for token in tokens:
            message, current = self._of(token)
            if current and not message.answered:
                message.due_at = max(message.due_at, self.now + ACK_WAIT_S)

    def bury(self, seq: int, reason: str) -> None:
        self.letters.setdefault(seq, reason)

    @property
    def is_due(self) -> bool:
        """Whether there is anything to fetch."""
        return any(self.messages[seq].due_at <= self.now for seq in self.unanswered)

    @property
    def unanswered(self) -> list[int]:
        return [seq for seq, message in self.messages.items() if not message.answered]

    def _of(self, token: str) -> tuple[_Message, bool]:
        seq, _, attempt = token.partition(".")
        message = self.messages[int(seq)]
        return message, message.attempts == int(attempt)
