"""Where a job's time goes: how long it was in each stage of its way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self, TypeVar


class Stage(StrEnum):
    """A part of the way. ``announce`` and ``answer`` come too late to be told in an event."""

    WAIT = "wait"
    CHECK = "check"
    FETCH = "fetch"
    DECODE = "decode"
    DETECT = "detect"
    EMBED = "embed"
    WRITE = "write"
    ANNOUNCE = "announce"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Lap:
    """One stage, once: when it began, in seconds since 1970, and how many seconds it took."""

    stage: Stage
    began_at: float
    seconds: float


def waited(since: datetime) -> Lap:
    """The time until now; none where the server's clock is ahead of ours."""
    began_at = since.timestamp()
    return Lap(Stage.WAIT, began_at, max(0, time.time() - began_at))


class Stopwatch:
    """Takes the time of stages, also of those that end with an error."""

    def __init__(self) -> None:
        self.laps: list[Lap] = []

    @contextmanager
    def __call__(self, stage: Stage) -> Iterator[None]:
        """Take the time of what is done inside."""
        began_at, began = time.time(), time.perf_counter()
        try:
            yield
        finally:
            self.laps.append(Lap(stage, began_at, time.perf_counter() - began))


class Travelling(Protocol):
    """Whatever carries a delivery along the way."""

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""


X = TypeVar("X")
T = TypeVar("T", bound=Travelling)


def timed(stage: Stage, step: Callable[[X], T], item: X) -> T:
    """Take one item through a step."""
    watch = Stopwatch()
    with watch(stage):
        result = step(item)
    return result.after(watch.laps)


def timed_batch(
    stage: Stage, step: Callable[[Sequence[X]], Iterable[T]]
) -> Callable[[Sequence[X]], list[T]]:
    """The same step over batches, with its time taken; a batch's items all take as long."""

    def run(items: Sequence[X]) -> list[T]:
        watch = Stopwatch()
        with watch(stage):
            results = list(step(items))
        return [result.after(watch.laps) for result in results]

    return run


def seconds_by_stage(laps: Iterable[Lap]) -> Mapping[Stage, float]:
    """The seconds of each stage, in the order in which they came; one may come more than once."""
    sums: dict[Stage, float] = {}
    for lap in laps:
        sums[lap.stage] = sums.get(lap.stage, 0) + lap.seconds
    return sums
