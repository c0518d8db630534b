"""Experiment 12: jobs with any headers among good ones, beside the same without headers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from dataflow.jobs.reason import Reason
from tests.faults.lab import Lab, Scene, jobs_left, wait_for
from tests.faults.ledger import Wanted
from tests.faults.report import Row
from tests.headers import publish_raw, random_block

NUMBER = 12
LEAST_SHARE = 0.95
"""Of the throughput without headers."""

_NO_HEADERS = b"NATS/1.0\r\n\r\n"
_PATIENCE_S = 1200


@dataclass(frozen=True, slots=True)
class Size:
    """``good`` and ``odd`` jobs in each of so many rounds; ``timed`` where the time counts.

    In each round the same kinds of jobs come once without headers and once with.
    """

    rounds: int
    good: int
    odd: int
    timed: bool


SMALL = Size(rounds=1, good=20, odd=40, timed=False)
FULL = Size(rounds=8, good=150, odd=250, timed=True)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    rng = random.Random(NUMBER)  # noqa: S311 - chance for a test
    with lab.scene({}) as scene:
        worker = scene.start()
        scene.ledger.publish(scene.ledger.good(8))
        scene.wait_until_done()
        clean, odd = [], []
        for _ in range(size.rounds):
            clean.append(_timed(scene, size, rng, with_headers=False))
            odd.append(_timed(scene, size, rng, with_headers=True))
        problems = [] if worker.runs else ["the worker has ended"]
        worker.stop()
        verdict = scene.verdict()
    share = median(c / o for c, o in zip(clean, odd, strict=True))
    measured = f"{share:.1%} of the throughput without headers" if size.timed else ""
    if size.timed and share < LEAST_SHARE:
        problems.append(f"the throughput is {measured}")
    yield Row.of(
        NUMBER,
        f"{size.rounds * size.odd:,} jobs with random headers among "
        f"{size.rounds * size.good:,} good jobs, in turn with as many without headers",
        verdict,
        measured,
        problems,
    )


def _timed(scene: Scene, size: Size, rng: random.Random, *, with_headers: bool) -> float:
    """Seconds from the first job on the stream to the last one settled."""
    good = [(_NO_HEADERS, wanted) for wanted in scene.ledger.good(size.good)]
    odd = [
        (random_block(rng) if with_headers else _NO_HEADERS, wanted)
        for wanted in _hinted(scene, size.odd)
    ]
    jobs = [*good, *odd]
    rng.shuffle(jobs)
    nats = scene.world.settings.nats
    began = time.monotonic()
    sent = [(block, wanted.payload) for block, wanted in jobs]
    seqs = asyncio.run(publish_raw(nats, nats.subject, sent))
    scene.ledger.jobs.update(zip(seqs, (wanted for _, wanted in jobs), strict=True))
    wait_for(lambda: jobs_left(scene) == 0, "everything is settled", _PATIENCE_S)
    return time.monotonic() - began


def _hinted(scene: Scene, count: int) -> list[Wanted]:
    """Jobs that cost little, so that what their headers cost is seen."""
    reasons = frozenset({Reason.NOT_SINGLE_FACE_HINT})
    photos = scene.world.photos(None, count)
    return [Wanted(photo.job(faces_detected=2), photo.id, reasons) for photo in photos]
