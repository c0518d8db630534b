"""Experiment 7: SIGTERM under load."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.faults.lab import Lab, Scene, wait_for
from tests.faults.report import Row

NUMBER = 7
WORKERS = 2
MOST_S = 10
"""How long a worker may take to end."""

_BATCH = 4
_PREFETCH = 2 * _BATCH
_START_S = 120
_MOST_SETTLED = 8
_MOST_FINISHED = 60
"""What one worker settles at most, with what it has under way when it is told to stop."""


@dataclass(frozen=True, slots=True)
class Size:
    stops: int


SMALL = Size(stops=2)
FULL = Size(stops=100)

SETTINGS = {"NATS__ACK_WAIT_S": "60", "WORKER__BATCH": str(_BATCH)}
"""What is not handed back comes again much later, which would be seen."""


def run(lab: Lab, size: Size) -> Iterator[Row]:
    jobs = size.stops * _MOST_FINISHED
    with lab.scene(SETTINGS) as scene, ThreadPoolExecutor(WORKERS) as pool:
        scene.ledger.publish(scene.ledger.good(jobs))
        ends = list(pool.map(lambda _: _live_and_be_stopped(scene), range(size.stops)))
        last = scene.start()
        scene.wait_until_done()
        last.stop()
        verdict = scene.verdict()
    codes, seconds = zip(*ends, strict=True)
    prefetched = size.stops * _PREFETCH
    problems = [f"a worker ended with {code}" for code in codes if code != 0]
    problems += [f"a worker took {took:.1f} s to end" for took in seconds if took > MOST_S]
    # What two of them have sent back is a suspect to the next one, and those are tried one by one.
    suspects = sum(line["count"] for line in scene.events("suspects_handed_back"))
    if verdict.redelivered > prefetched + suspects:
        problems.append(
            f"{verdict.redelivered} redeliveries, {suspects} of suspects, "
            f"at most {prefetched} were prefetched"
        )
    yield Row.of(
        NUMBER,
        f"{size.stops} SIGTERMs under load",
        verdict,
        f"slowest exit {max(seconds):.1f} s; {verdict.redelivered} redeliveries, "
        f"{suspects} of suspects; at most {prefetched} jobs were prefetched",
        problems,
    )


def _live_and_be_stopped(scene: Scene) -> tuple[int, float]:
    """Returns the exit code, and how long the end took in seconds."""
    worker = scene.start()
    wanted = random.randrange(_MOST_SETTLED)  # noqa: S311 - not secret
    wait_for(lambda: len(worker.log.settled) > wanted, "the worker works", _START_S)
    time.sleep(random.uniform(0, 0.05))  # noqa: S311 - not in step with the settling
    told = time.monotonic()
    worker.tell()
    code = worker.ended(3 * MOST_S)
    return code, time.monotonic() - told
