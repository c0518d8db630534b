"""The wiring: how a job travels from the source to the sink.

Each step returns the next step's input or a settled outcome. What is settled leaves the line at
once, and everything meets again in the one sink, so that each message is answered exactly once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import TypeAlias, TypeVar, cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import Sink

from dataflow.jobs.delivery import Delivery
from dataflow.jobs.lane import Lane
from dataflow.jobs.outcome import Gone, Retry, Settled
from dataflow.jobs.stages import Stage, timed_batch
from dataflow.persons.desk import by_user
from dataflow.persons.ended import PersonSettled
from dataflow.persons.reception import PersonResult
from dataflow.persons.request import PersonRequest
from dataflow.persons.services import PeopleServices
from dataflow.services import Services
from dataflow.steps.dedup import SeenPhotos, shard_of
from dataflow.steps.request import Recognised, Request
from dataflow.steps.validation import validate

Done: TypeAlias = Settled | PersonSettled | Retry
Result: TypeAlias = Recognised | Settled | Retry | Gone
X = TypeVar("X")
Y = TypeVar("Y")
B = TypeVar("B", Request, PersonRequest)

_DONE = (Settled, PersonSettled, Retry)

LOOK_AGAIN = timedelta(milliseconds=20)
"""How soon to ask again whether photos under way are done, while there is nothing else to do.

Less than a photo takes; what is done meanwhile is written together.
"""
WAITS_S = 0.5
"""How often photos that can wait are looked after, all at the same moments.

A batch that is written keeps live jobs waiting, so theirs are few and large.
"""


def build(source: Source[Delivery], sink: Sink[Result], services: Services) -> Dataflow:
    """Wire the steps between a source of deliveries and a sink of results."""
    flow = Dataflow("soloface")
    add_photos(flow, source, sink, services)
    return flow


def add_photos(
    flow: Dataflow, source: Source[Delivery], sink: Sink[Result], services: Services
) -> None:
    """The way of a photo's job."""
    validation = partial(validate, max_deliver=services.settings.nats.max_deliver)

    deliveries = op.input("jobs", flow, source)
    requests, invalid = _split(op.map("validate", deliveries, validation))
    check = timed_batch(Stage.CHECK, services.guardrails().check)
    checked = op.flat_map_batch("guardrails", requests, check)
    admitted, refused = _split(checked)
    under_way = services.under_way()
    keyed = op.key_on("by_photo", admitted, shard_of)
    begun = op.stateful_batch("fetch", keyed, lambda _: _Begin(under_way.begin))
    faces = op.stateful_batch("embed", begun, lambda _: _UnderWay(under_way.finish))
    marked = op.stateful_batch("dedup", faces, lambda _: _Dedup(services.seen_photos()))
    results = op.merge("results", op.key_rm("marked", marked), invalid, refused)
    op.output("record", cast("Stream[Result]", results), sink)


def add_people(
    flow: Dataflow, source: Source[Delivery], sink: Sink[PersonResult], services: PeopleServices
) -> None:
    """The way of a request about a person."""
    deliveries = op.input("requests", flow, source)
    requests, malformed = _split(op.map("validate_request", deliveries, services.validate))
    desk = services.desk()
    keyed = op.key_on("by_user", requests, by_user)
    begun = op.stateful_batch("begin_request", keyed, lambda _: _Begin(desk.begin))
    done = op.stateful_batch("do_request", begun, lambda _: _UnderWay(desk.finish))
    ended = op.merge("ended", op.key_rm("done", done), malformed)
    op.output("settle", cast("Stream[PersonResult]", ended), sink)


def _split(step: Stream[X | Done]) -> tuple[Stream[X], Stream[Done]]:
    """What goes on to the next step, and what is done."""
    name = step.stream_id.split(".")[1]
    parted = op.branch(f"{name}_done", step, lambda item: isinstance(item, _DONE))
    return cast("Stream[X]", parted.falses), cast("Stream[Done]", parted.trues)


class _Begin(StatefulBatchLogic[B, tuple[Lane, Future[Y]], None]):
    """Begins one shard's photos (fetched first, then embedded) or requests, while the flow goes on.

    Stateful, with nothing to remember, because what follows such a step under the same key stays in
    this process: a future can travel no farther.
    """

    def __init__(self, begin: Callable[[B], Future[Y]]) -> None:
        self._begin: Callable[[B], Future[Y]] = begin

    def on_batch(self, values: list[B]) -> tuple[list[tuple[Lane, Future[Y]]], bool]:
        return [(value.delivery.lane, self._begin(value)) for value in values], self.RETAIN

    def snapshot(self) -> None:
        return None


class _UnderWay(StatefulBatchLogic[tuple[Lane, Future[Y]], Y, None]):
    """What one shard has under way. Each lane's comes out in the order in which it was begun.

    Not recovered: JetStream redelivers them.
    """

    def __init__(self, finish: Callable[[Iterable[Future[Y]]], list[Y]]) -> None:
        self._finish = finish
        self._results: dict[Lane, deque[Future[Y]]] = {lane: deque() for lane in Lane}

    def on_batch(self, values: list[tuple[Lane, Future[Y]]]) -> tuple[list[Y], bool]:
        for lane, result in values:
            self._results[lane].append(result)
        return self.on_notify()

    def on_notify(self) -> tuple[list[Y], bool]:
        return list(self._done()), self.RETAIN

    def on_eof(self) -> tuple[list[Y], bool]:
        return self._finish(chain.from_iterable(self._results.values())), self.DISCARD

    def notify_at(self) -> datetime | None:
        now = datetime.now(UTC)
        if self._results[Lane.LIVE]:
            return now + LOOK_AGAIN
        if self._results[Lane.BACKFILL]:
            return now + timedelta(seconds=WAITS_S - now.timestamp() % WAITS_S)
        return None

    def snapshot(self) -> None:
        return None

    def _done(self) -> Iterator[Y]:
        for results in self._results.values():
            while results and results[0].done():
                yield results.popleft().result()


class _Dedup(StatefulBatchLogic[Result, Result, None]):
    """One shard's memory as a Bytewax state. Not recovered: JetStream redelivers what matters."""

    def __init__(self, seen: SeenPhotos) -> None:
        self._seen = seen

    def on_batch(self, values: list[Result]) -> tuple[list[Result], bool]:
        marked = [self._seen.mark(v) if isinstance(v, Recognised) else v for v in values]
        return marked, self.RETAIN

    def snapshot(self) -> None:
        return None
