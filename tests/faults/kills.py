"""Experiment 1: kill -9, at random moments and at each point that matters."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dataflow.jobs.lane import Lane
from dataflow.jobs.reason import Reason
from tests.faults.lab import Lab, Scene, jobs_left, wait_for
from tests.faults.points import POINTS
from tests.faults.report import Row

NUMBER = 1
WORKERS = 2
START_S = 120
"""How long a worker may take to start, or to come to where it dies."""

_IN_THE_START = 0.1
"""The share of random deaths that come while the worker starts."""
_START_TAKES_S = 2.0
_SHARE = 0.6
"""Of its share of the jobs a life may settle so much: the last kill must find some left."""
_BATCH = 4
_MOST_PASSES = 3


@dataclass(frozen=True, slots=True)
class Size:
    jobs: int
    kills: int
    deaths_per_point: int


SMALL = Size(jobs=90, kills=3, deaths_per_point=1)
FULL = Size(jobs=5000, kills=200, deaths_per_point=20)

SETTINGS = {
    "NATS__ACK_WAIT_S": "2",
    # A job that shares its process with so many deaths is not to blame for them.
    "NATS__MAX_DELIVER": "100",
    "WORKER__BATCH": str(_BATCH),
}


def run(lab: Lab, size: Size) -> Iterator[Row]:
    yield _at_random_moments(lab, size)
    yield _at_each_point(lab, size)


def _at_random_moments(lab: Lab, size: Size) -> Row:
    with lab.scene(SETTINGS) as scene, ThreadPoolExecutor(WORKERS) as pool:
        jobs = scene.ledger.good(size.jobs)
        scene.ledger.publish(jobs[::2])
        scene.ledger.publish(jobs[1::2], Lane.BACKFILL)
        quota = _SHARE * size.jobs / size.kills
        list(pool.map(lambda _: _live_and_be_killed(scene, quota), range(size.kills)))
        left = jobs_left(scene)
        _finish(scene)
        verdict = scene.verdict()
    return Row.of(
        NUMBER,
        f"{size.kills} kills of {WORKERS} workers at random moments, jobs in both lanes",
        verdict,
        f"{verdict.redelivered:,} redeliveries",
        [] if left else ["no job was left at the last kill"],
    )


def _live_and_be_killed(scene: Scene, quota: float) -> None:
    """Be killed on the way to at most so many settled jobs, at times before the first one."""
    worker = scene.start()
    if random.random() < _IN_THE_START:  # noqa: S311 - not secret
        time.sleep(random.uniform(0, _START_TAKES_S))  # noqa: S311
    else:
        wanted = random.uniform(0, quota)  # noqa: S311
        wait_for(lambda: len(worker.log.settled) > wanted, "the worker works", START_S)
        time.sleep(random.uniform(0, 0.05))  # noqa: S311 - not in step with the settling
    worker.kill()


def _at_each_point(lab: Lab, size: Size) -> Row:
    lives = [
        (point, 1 + n % _MOST_PASSES) for n in range(size.deaths_per_point) for point in POINTS
    ]
    half = len(lives) * _MOST_PASSES * _BATCH
    with lab.scene(SETTINGS) as scene, ThreadPoolExecutor(WORKERS) as pool:
        jobs = scene.ledger.good(half) + scene.ledger.bad(Reason.IMAGE_NOT_FOUND, "none", half)
        random.shuffle(jobs)
        scene.ledger.publish(jobs)
        codes = list(pool.map(lambda life: _live_and_die(scene, *life), lives))
        _finish(scene)
        verdict = scene.verdict()
    survived = Counter(
        point for (point, _), code in zip(lives, codes, strict=True) if code != -signal.SIGKILL
    )
    return Row.of(
        NUMBER,
        f"{size.deaths_per_point} deaths at each of: {', '.join(POINTS)}",
        verdict,
        f"{verdict.redelivered:,} redeliveries",
        [f"{count} workers lived through {point}" for point, count in survived.items()],
    )


def _live_and_die(scene: Scene, point: str, passes: int) -> int:
    return scene.start(how=f"{point}:{passes}").ended(START_S)


def _finish(scene: Scene) -> None:
    worker = scene.start()
    scene.wait_until_done()
    worker.stop()
