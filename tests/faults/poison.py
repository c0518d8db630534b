"""Experiment 6: images that kill the process that decodes them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.faults.lab import PATIENCE_S, Lab, Scene
from tests.faults.ledger import SMALL as SCALE
from tests.faults.mistakes import DEADLY
from tests.faults.report import Row

NUMBER = 6


@dataclass(frozen=True, slots=True)
class Size:
    good: int
    deadly: int
    max_deliver: int


SMALL = Size(good=20, deadly=1, max_deliver=3)
FULL = Size(good=300, deadly=3, max_deliver=8)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    settings = {"NATS__ACK_WAIT_S": "1", "NATS__MAX_DELIVER": str(size.max_deliver)}
    with lab.scene(settings) as scene:
        key = "deadly.jpg"
        scene.world.upload(key, scaled(ENROLLED[0].portrait(), SCALE) + DEADLY)
        jobs = scene.ledger.good(size.good)
        jobs += scene.ledger.bad(Reason.ATTEMPTS_EXHAUSTED, key, size.deadly)
        random.shuffle(jobs)
        scene.ledger.publish(jobs)
        deaths = _keep_alive(scene)
        verdict = scene.verdict()
    most = size.deadly * size.max_deliver
    yield Row.of(
        NUMBER,
        f"{size.deadly} images that kill the process, at most {size.max_deliver} deliveries",
        verdict,
        f"{deaths} deaths",
        [] if 0 < deaths <= most else [f"{deaths} deaths, at most {most} are due"],
    )


def _keep_alive(scene: Scene) -> int:
    """Start a worker whenever one has died, until all is settled; returns how many have."""
    deaths = 0
    deadline = time.monotonic() + PATIENCE_S
    while True:
        worker = scene.start(how="deadly_pictures")
        while worker.runs and not scene.world.is_empty():
            assert time.monotonic() < deadline, "too late: everything is settled"
            time.sleep(0.1)
        if worker.runs:
            worker.stop()
            return deaths
        assert worker.ended() == -signal.SIGKILL, worker.log.text
        deaths += 1
