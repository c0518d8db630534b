"""Experiment 11: a store that refuses some objects. The good ones go on, and about as fast."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import cycle, islice
from threading import Barrier

from dataflow.jobs.reason import Reason
from tests.faults.lab import Lab, Scene, wait_for
from tests.faults.ledger import Wanted
from tests.faults.report import Row
from tests.faults.store_faults import faulty_store
from tests.fixtures.refusals import BUSY, S3_ERRORS, key_of, refuse_marked

NUMBER = 11

Codes = Sequence[tuple[int, str]]
LASTING = [(status, code) for status, codes in S3_ERRORS.items() for code in codes]
PASSING = [(status, code) for status, codes in BUSY.items() for code in codes]
MIXTURES: tuple[tuple[str, Codes], ...] = (
    ("each code that lasts", LASTING),
    ("each code that passes", PASSING),
    ("AccessDenied", [(403, "AccessDenied")]),
    ("SlowDown", [(503, "SlowDown")]),
)


@dataclass(frozen=True, slots=True)
class Size:
    """Jobs of each run, and the share of a clean run's speed that the good ones must keep."""

    good: int
    bad: int
    mixtures: tuple[tuple[str, Codes], ...]
    share: float


SMALL = Size(good=60, bad=60, mixtures=(("each code", [*LASTING, *PASSING]),), share=0)
FULL = Size(good=5000, bad=200, mixtures=MIXTURES, share=0.95)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what came of it, and when each good photo was settled."""

    row: Row
    times: list[datetime]

    def between(self, start: datetime, end: datetime) -> int:
        """How many good photos were settled then."""
        return sum(start <= time <= end for time in self.times)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    for name, codes in size.mixtures:
        # Side by side, so that whatever else the machine does slows both alike.
        together = Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            clean_run = pool.submit(_run, lab, size, [], together)
            mixed_run = pool.submit(_run, lab, size, codes, together)
            clean, mixed = clean_run.result(), mixed_run.result()
        start = max(clean.times[0], mixed.times[0])
        end = min(clean.times[-1], mixed.times[-1])
        seconds = (end - start).total_seconds()
        speeds = [each.between(start, end) / seconds for each in (clean, mixed)]
        share = speeds[1] / speeds[0]
        slow = [f"{share:.0%} of the clean run's speed"] if share < size.share else []
        yield _named(clean.row, f"{name}: the clean run beside", f"{speeds[0]:.1f} photos/s")
        measured = f"{speeds[1]:.1f} good photos/s, {share:.0%} of the clean run's"
        yield _named(mixed.row, f"{name}: {size.bad} objects refused", measured, slow)


def _run(lab: Lab, size: Size, codes: Codes, together: Barrier) -> Run:
    settings = {"NATS__RETRY_DELAY_S": "0.5"}
    with lab.scene(settings) as scene, faulty_store(lab.objects.endpoint) as store:
        store.behave(refuse_marked)
        good = scene.ledger.good(size.good)
        jobs = good + _bad(scene, size, codes)
        random.Random(7).shuffle(jobs)  # noqa: S311 - repeatable, not secret
        scene.ledger.publish(jobs)
        together.wait()
        worker = scene.start(STORE__ENDPOINT=store.address)
        wait_for(scene.world.is_empty, "everything is settled", timeout_s=7200)
        worker.stop()
        unusable = scene.events("dependency_unusable")
        problems = [f"the worker held {len(unusable)} times"] if unusable else []
        row = Row.of(NUMBER, "", scene.verdict(), problems=problems)
        return Run(row, _times(scene, {str(wanted.photo_id) for wanted in good}))


def _bad(scene: Scene, size: Size, codes: Codes) -> list[Wanted]:
    bad: list[Wanted] = []
    for status, code in islice(cycle(codes), size.bad if codes else 0):
        if (status, code) in PASSING:
            reason = Reason.ATTEMPTS_EXHAUSTED
        elif code in {"NoSuchKey", "NoSuchVersion"}:
            reason = Reason.IMAGE_NOT_FOUND
        else:
            reason = Reason.IMAGE_UNREADABLE
        bad += scene.ledger.bad(reason, key_of(status, code))
    return bad


def _times(scene: Scene, good: set[str]) -> list[datetime]:
    return sorted(
        datetime.fromisoformat(line["timestamp"])
        for line in scene.events("job_settled")
        if line["photo_id"] in good
    )


def _named(row: Row, done: str, measured: str, problems: Sequence[str] = ()) -> Row:
    return replace(row, done=done, measured=measured, problems=(*row.problems, *problems))
