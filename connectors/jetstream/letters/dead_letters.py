"""Reading, replaying and removing the dead letters that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from nats.errors import MaxPayloadError
from nats.js.errors import APIError, NotFoundError

from connectors.jetstream.backfill import publishing_subject
from connectors.jetstream.connection import Connection, connect
from connectors.jetstream.explaining import explained, is_not_enabled, why
from connectors.jetstream.letters.letter import Letter, header_value, letter_of
from connectors.jetstream.stored import ask, stored
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.jobs.lane import Lane
from dataflow.jobs.reason import UNKNOWN
from dataflow.settings import NatsSettings

WINDOW = 32
"""Letters asked for at a time; bounds the memory to so many of the largest payloads."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; by default all. Times have a zone, ``limit`` counts the oldest."""

    reasons: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is meant, but for the limit."""
        if self.reasons and (letter.reason or UNKNOWN) not in self.reasons:
            return False
        after = self.since is None or letter.died_at >= self.since
        return after and (self.until is None or letter.died_at <= self.until)


@dataclass(frozen=True, slots=True)
class Window:
    """Some of the letters that are meant, and which of the sequences asked for have none.

    ``done`` is the share that has been looked at, in [0, 1].
    """

    letters: list[Letter]
    done: float
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a letter; ``repeated`` if the stream had its job from an earlier try."""

    seq: int
    problem: str | None = None
    repeated: bool = False


class DeadLetters:
    """The letters up to the one that was the last when this was made."""

    def __init__(
        self, connection: Connection, settings: NatsSettings, first_seq: int, last_seq: int
    ) -> None:
        self._subject = settings.subject
        self.last_seq = last_seq
        self._first_seq = max(first_seq, 1)  # a new stream says 0
        self._connection = connection
        self._js = connection.jetstream()
        self._settings = settings

    async def chosen(self, sequences: Sequence[int], selection: Selection) -> AsyncIterator[Window]:
        """The letters of these sequences, or else those of the selection, oldest first.

        Raises:
            SystemicError: JetStream does not answer.
        """
        reading = self._named(list(dict.fromkeys(sequences))) if sequences else self._all()
        left = selection.limit
        async for window in reading:
            letters = [letter for letter in window.letters if selection.takes(letter)][:left]
            yield Window(letters, window.done, window.missing)
            if left is not None and (left := left - len(letters)) <= 0:
                return

    async def get(self, seq: int) -> Letter | None:
        """One letter, ``None`` if there is none (any more)."""
        letter = await self._next(seq)
        return letter if letter and letter.seq == seq else None

    async def let_wait(self) -> str:
        """Replay by the lane for what can wait; returns why not, where there is none.

        Raises:
            SystemicError: the stream does not answer.
        """
        with explained(_of(self._settings.stream)):
            self._subject, why_not = await publishing_subject(self._js, self._settings)
        return why_not

    async def replay(self, letter: Letter) -> Replayed:
        """Publish the job again, and remove the letter once the stream has confirmed.

        Interrupted in between, the next replay finds the job by its message id, as long as the
        stream remembers ids; after that the worker finds its outcome in the database.

        Raises:
            SystemicError: the stream does not answer.
        """
        if problem := self.refusal(letter):
            return Replayed(letter.seq, problem)
        stream, dead = self._settings.stream, self._settings.dead_stream
        message_id = f"{letter.stream or stream}:{letter.stream_seq}:{dead}:{letter.seq}"
        with explained(_of(stream)):
            try:
                confirmation = await self._js.publish(
                    self._subject_of(letter),
                    letter.payload,
                    stream=stream,
                    headers={"Nats-Msg-Id": header_value(message_id)},
                )
            except (APIError, MaxPayloadError) as error:
                if is_not_enabled(error):
                    raise
                return Replayed(letter.seq, f"the stream {stream} refuses it: {why(error)}")
        await self.remove(letter.seq, erase=False)
        return Replayed(letter.seq, repeated=bool(confirmation.duplicate))

    def _subject_of(self, letter: Letter) -> str:
        """Where its job belongs: of several subjects of a lane the one that it came by."""
        ours = self._settings.subjects_of(Lane.LIVE)
        return letter.subject if len(ours) > 1 and letter.subject in ours else self._subject

    def refusal(self, letter: Letter) -> str | None:
        """Why a letter must not be replayed, ``None`` if it may be."""
        if letter.cut:
            whole = UNKNOWN if letter.payload_bytes is None else letter.payload_bytes
            return f"its payload was cut: {len(letter.payload)} bytes are kept of {whole}"
        if letter.stream not in (None, self._settings.stream):
            return f"it comes from the stream {letter.stream}, not {self._settings.stream}"
        return None

    async def remove(self, seq: int, *, erase: bool) -> bool:
        """Remove a letter; ``False`` if it is gone already.

        With ``erase`` the server overwrites its bytes, which takes it some ten times as long.

        Raises:
            SystemicError: JetStream does not answer, or does not let it be removed.
        """
        stream = self._settings.dead_stream
        request = {"seq": seq, "no_erase": not erase}
        with explained(_of(stream)):
            try:
                # nats-py's own delete_msg cannot say no_erase.
                await ask(self._connection, f"STREAM.MSG.DELETE.{stream}", request)
            except APIError as error:
                # That the letter is gone already is not told by the error.
                if is_not_enabled(error) or await self.get(seq):
                    raise SystemicError(
                        f"the letter {seq} on {stream} cannot be removed: {why(error)}"
                    ) from error
                return False
        return True

    async def _named(self, sequences: list[int]) -> AsyncIterator[Window]:
        for start in range(0, len(sequences), WINDOW):
            wanted = sequences[start : start + WINDOW]
            found = await asyncio.gather(*map(self.get, wanted))
            missing = [seq for seq, letter in zip(wanted, found, strict=True) if letter is None]
            done = (start + len(wanted)) / len(sequences)
            yield Window([letter for letter in found if letter], done, tuple(missing))

    async def _all(self) -> AsyncIterator[Window]:
        # No consumer: it would have to be cleaned up. Each sequence is asked for its next letter:
        # where letters are missing the answers repeat themselves, and nothing is passed over.
        seq = self._first_seq
        while seq <= self.last_seq:
            wanted = range(seq, min(seq + WINDOW, self.last_seq + 1))
            answers = await asyncio.gather(*map(self._next, wanted))
            found = {a.seq: a for a in answers if a and a.seq <= self.last_seq}
            seq = max(found, default=self.last_seq) + 1
            span = self.last_seq - self._first_seq + 1
            done = (seq - self._first_seq) / span
            yield Window([found[key] for key in sorted(found)], done)

    async def _next(self, seq: int) -> Letter | None:
        """The first letter from a sequence on."""
        settings = self._settings
        with explained(_of(settings.dead_stream)):
            message = await stored(
                self._connection, settings.dead_stream, seq, or_later=settings.dead_subject
            )
        return letter_of(message) if message else None


@asynccontextmanager
async def dead_letters(
    settings: NatsSettings, last_seq: int | None = None
) -> AsyncIterator[DeadLetters]:
    """Connect to the letters that are there now, or were up to a sequence.

    Raises:
        ConfigurationError: the credentials are refused, or there is no such stream.
        SystemicError: no server answers, or it has no JetStream.
    """
    connection = await connect(settings, "soloface dlq")
    try:
        with explained(_of(settings.dead_stream)):
            try:
                info = await connection.jetstream().stream_info(settings.dead_stream)
            except NotFoundError:
                raise ConfigurationError(
                    f"there is no stream {settings.dead_stream} (SOLOFACE_NATS__DEAD_STREAM); "
                    "soloface doctor --fix makes it"
                ) from None
        last = info.state.last_seq if last_seq is None else last_seq
        yield DeadLetters(connection, settings, info.state.first_seq, last)
    finally:
        await connection.close()


def _of(stream: str) -> str:
    return f"the stream {stream} does not answer"
