"""All experiments, by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.faults import (
    broker,
    database,
    drains,
    headers,
    hostile,
    kills,
    people,
    poison,
    refusals,
    relays,
    replays,
    rivals,
    store,
    upheaval,
)
from tests.faults.lab import Lab
from tests.faults.law import soak as law
from tests.faults.machine import soak
from tests.faults.report import Row

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Experiment(Generic[S]):
    """Something to break, in a small size and in the full one, which takes about ``minutes``."""

    number: int
    title: str
    minutes: float
    run: Callable[[Lab, S], Iterator[Row]]
    small: S
    full: S

    def rows(self, lab: Lab, *, full: bool) -> Iterator[Row]:
        """Run it."""
        return self.run(lab, self.full if full else self.small)


EXPERIMENTS: tuple[Experiment[Any], ...] = (
    Experiment(kills.NUMBER, "kill -9", 10, kills.run, kills.SMALL, kills.FULL),
    Experiment(broker.NUMBER, "nats-server", 3, broker.run, broker.SMALL, broker.FULL),
    Experiment(database.NUMBER, "PostgreSQL", 3, database.run, database.SMALL, database.FULL),
    Experiment(store.NUMBER, "object store", 3, store.run, store.SMALL, store.FULL),
    Experiment(hostile.NUMBER, "bad images", 8, hostile.run, hostile.SMALL, hostile.FULL),
    Experiment(poison.NUMBER, "deadly images", 2, poison.run, poison.SMALL, poison.FULL),
    Experiment(drains.NUMBER, "SIGTERM", 4, drains.run, drains.SMALL, drains.FULL),
    Experiment(rivals.NUMBER, "rivals", 1, rivals.run, rivals.SMALL, rivals.FULL),
    Experiment(replays.NUMBER, "replays", 2, replays.run, replays.SMALL, replays.FULL),
    Experiment(soak.NUMBER, "state machine", 2, soak.run, soak.SMALL, soak.FULL),
    Experiment(refusals.NUMBER, "refusals", 20, refusals.run, refusals.SMALL, refusals.FULL),
    Experiment(headers.NUMBER, "headers", 5, headers.run, headers.SMALL, headers.FULL),
    Experiment(law.NUMBER, "the law of the tags", 8, law.run, law.SMALL, law.FULL),
    Experiment(upheaval.NUMBER, "upheaval", 5, upheaval.run, upheaval.SMALL, upheaval.FULL),
    Experiment(relays.NUMBER, "relays", 4, relays.run, relays.SMALL, relays.FULL),
    Experiment(people.NUMBER, "people", 15, people.run, people.SMALL, people.FULL),
)
