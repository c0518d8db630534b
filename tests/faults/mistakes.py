"""Mistakes that the real worker does not make, to see that the checker would find them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import connectors.jetstream.jobs.settling
import connectors.postgres.photos.ended
import dataflow.steps.recognition
from connectors.jetstream.client import SharedJetStream
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.jobs.settling import TERM, Settler
from connectors.sink import RecordingPartition, Result
from dataflow.faces.image import Preview
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Recognised
from dataflow.tags.change import TagChange
from tests.faults.points import before_commit, die, wrap

DEADLY = b"kills the process that decodes it"
"""What a picture must end with to do so."""

WriteBatch = Callable[[RecordingPartition, list[Result]], None]
Seal = Callable[[Settled, str, int], tuple[bytes, dict[str, str]]]

_SLOWLY = "select pg_sleep(2)"


def _kill_the_decoder() -> None:
    def make(decode: Callable[..., Preview]) -> Callable[..., Preview]:
        def decoded(data: bytes, *, max_pixels: int, long_side: int) -> Preview:
            if data.endswith(DEADLY):
                die()
            return decode(data, max_pixels=max_pixels, long_side=long_side)

        return decoded

    wrap(dataflow.steps.recognition, "decode_preview", make)


def _ack_before_commit() -> None:
    def make(write_batch: WriteBatch) -> WriteBatch:
        def acked(self: RecordingPartition, items: list[Result]) -> None:
            done = [item for item in items if isinstance(item, Recognised | Settled)]
            self._client.settle([Settled(x.delivery, x.job, Reason.MATCHED) for x in done])
            write_batch(self, items)

        return acked

    wrap(RecordingPartition, "write_batch", make)


def _no_heartbeats() -> None:
    async def silent(_self: InFlight) -> None:
        await asyncio.Event().wait()

    wrap(InFlight, "beat", lambda _: silent)


def _no_lock() -> None:
    def make(query: Callable[[str], str]) -> Callable[[str], str]:
        def unlocked(name: str) -> str:
            return "select %(photo_ids)s::uuid[]" if name == "lock_photos" else query(name)

        return unlocked

    wrap(connectors.postgres.photos.ended, "query", make)
    before_commit(lambda connection: connection.execute(_SLOWLY))


def _nameless_letters() -> None:
    def make(seal: Seal) -> Seal:
        def nameless(item: Settled, stream: str, most: int) -> tuple[bytes, dict[str, str]]:
            payload, headers = seal(item, stream, most)
            del headers["Nats-Msg-Id"]
            return payload, headers

        return nameless

    wrap(connectors.jetstream.jobs.settling, "seal", make)


def _term_before_burying() -> None:
    async def terminate_and_die(self: Settler, item: Settled) -> None:
        await self.answer(item.delivery.ack_token, TERM)
        die()

    wrap(Settler, "_bury", lambda _: terminate_and_die)


def _forgotten_changes() -> None:
    def told_to_nobody(_self: SharedJetStream, _changes: Sequence[TagChange]) -> None:
        pass

    wrap(SharedJetStream, "tell", lambda _: told_to_nobody)


MISTAKES: Mapping[str, Callable[[], None]] = {
    "deadly_pictures": _kill_the_decoder,
    "ack_before_commit": _ack_before_commit,
    "no_heartbeats": _no_heartbeats,
    "no_lock": _no_lock,
    "nameless_letters": _nameless_letters,
    "term_before_burying": _term_before_burying,
    "forgotten_changes": _forgotten_changes,
}
"""``deadly_pictures`` is none of the worker's: a picture that its decoder does not survive."""
