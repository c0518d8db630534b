"""The wiring: how a job travels from the source to the sink.

Each step returns the next step's input or a settled outcome. What is settled leaves the line at
once, and everything meets again in the one sink, so that each message is answered exactly once.
"""

from __future__ import annotations

from functools import partial
from typing import TypeAlias, TypeVar, cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import Sink

from dataflow.dedup import SeenPhotos, shard_of
from dataflow.job import Delivery, Recognised
from dataflow.outcome import Retry, Settled
from dataflow.services import Services
from dataflow.validation import validate

Done: TypeAlias = Settled | Retry
Result: TypeAlias = Recognised | Done
X = TypeVar("X")


def build(source: Source[Delivery], sink: Sink[Result], services: Services) -> Dataflow:
    """Wire the steps between a source of deliveries and a sink of results."""
    validation = partial(validate, max_deliver=services.settings.nats.max_deliver)
    flow = Dataflow("soloface")

    deliveries = op.input("jobs", flow, source)
    requests, invalid = _split(op.map("validate", deliveries, validation))
    checked = op.flat_map_batch("guardrails", requests, services.guardrails().check)
    admitted, refused = _split(checked)
    fetched, unfetched = _split(op.flat_map_batch("fetch", admitted, services.fetching().fetch))
    faces, faceless = _split(op.flat_map_batch("embed", fetched, services.recognition().embed))
    keyed = op.key_on("by_photo", faces, shard_of)
    marked = op.stateful_batch("dedup", keyed, lambda _: _Dedup(services.seen_photos()))
    results = op.merge(
        "results", op.key_rm("marked", marked), invalid, refused, unfetched, faceless
    )
    op.output("record", results, sink)
    return flow


def _split(step: Stream[X | Done]) -> tuple[Stream[X], Stream[Done]]:
    """What goes on to the next step, and what is done."""
    name = step.stream_id.split(".")[1]
    parted = op.branch(f"{name}_done", step, lambda item: isinstance(item, (Settled, Retry)))
    return cast("Stream[X]", parted.falses), cast("Stream[Done]", parted.trues)


class _Dedup(StatefulBatchLogic[Recognised, Recognised, None]):
    """One shard's memory as a Bytewax state. Not recovered: JetStream redelivers what matters."""

    def __init__(self, seen: SeenPhotos) -> None:
        self._seen = seen

    def on_batch(self, values: list[Recognised]) -> tuple[list[Recognised], bool]:
        return [self._seen.mark(item) for item in values], self.RETAIN

    def snapshot(self) -> None:
        return None
