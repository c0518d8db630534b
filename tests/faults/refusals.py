"""Experiment 11: a store that refuses some objects. The good ones go on, and about as fast."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import cycle, islice

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
    """Jobs of each run, and the share of a clean run's speed that the good ones must keep.

    The clean run is done before and after the others, and the mean counts: machines get warm.
    """

    good: int
    bad: int
    mixtures: tuple[tuple[str, Codes], ...]
    share: float


SMALL = Size(good=60, bad=60, mixtures=(("each code", [*LASTING, *PASSING]),), share=0)
FULL = Size(good=5000, bad=200, mixtures=MIXTURES, share=0.95)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    clean = _run(lab, size, [])
    mixed = [(name, *_run(lab, size, codes)) for name, codes in size.mixtures]
    again = _run(lab, size, [])
    usual = (clean[1] + again[1]) / 2
    for row, speed in (clean, again):
        yield _named(row, "none refused", f"{speed:.1f} good photos/s")
    for name, row, speed in mixed:
        share = speed / usual
        slow = [f"{share:.0%} of the clean run's speed"] if share < size.share else []
        measured = f"{speed:.1f} good photos/s, {share:.0%} of the clean runs'"
        yield _named(row, f"{size.bad} refused: {name}", measured, slow)


def _run(lab: Lab, size: Size, codes: Codes) -> tuple[Row, float]:
    """Mix some bad jobs in; returns what came of it, and good photos per second."""
    settings = {"NATS__RETRY_DELAY_S": "0.5"}
    with lab.scene(settings) as scene, faulty_store(lab.objects.endpoint) as store:
        store.behave(refuse_marked)
        good = scene.ledger.good(size.good)
        jobs = good + _bad(scene, size, codes)
        random.Random(7).shuffle(jobs)  # noqa: S311 - repeatable, not secret
        scene.ledger.publish(jobs)
        worker = scene.start(STORE__ENDPOINT=store.address)
        wait_for(scene.world.is_empty, "everything is settled", timeout_s=3600)
        worker.stop()
        unusable = scene.events("dependency_unusable")
        problems = [f"the worker held {len(unusable)} times"] if unusable else []
        speed = _speed(scene, {str(wanted.photo_id) for wanted in good})
        return Row.of(NUMBER, "", scene.verdict(), problems=problems), speed


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


def _speed(scene: Scene, good: set[str]) -> float:
    """Photos per second between the first and the last good one."""
    times = sorted(
        datetime.fromisoformat(line["timestamp"])
        for line in scene.events("job_settled")
        if line["photo_id"] in good
    )
    return (len(times) - 1) / (times[-1] - times[0]).total_seconds()


def _named(row: Row, done: str, measured: str, problems: Sequence[str] = ()) -> Row:
    return replace(row, done=done, measured=measured, problems=(*row.problems, *problems))
