"""All experiments, by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.faults import kills
from tests.faults.lab import Lab
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


EXPERIMENTS: tuple[Experiment[kills.Size], ...] = (
    Experiment(kills.NUMBER, "kill -9", 10, kills.run, kills.SMALL, kills.FULL),
)
