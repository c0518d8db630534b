"""Experiment 2: nats-server is restarted under load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.embedded import NatsServer
from tests.faults.lab import Lab, Scene, jobs_left, resumption, wait_for
from tests.faults.report import Row

NUMBER = 2
MOST_S = 5
"""Within so many seconds after the server is back, work must go on."""

_PORTION = 100


@dataclass(frozen=True, slots=True)
class Size:
    """How often the server is ended by SIGTERM, and by SIGKILL."""

    stops: int
    kills: int


SMALL = Size(stops=1, kills=1)
FULL = Size(stops=10, kills=20)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    restarts = size.stops + size.kills
    settings = {"NATS__ACK_WAIT_S": "2", "WORKER__BATCH": "4"}
    with NatsServer() as nats, lab.scene(settings, nats=nats) as scene:
        worker = scene.start()
        resumed_s = [
            _restart(scene, nats, kill=number * size.kills % restarts < size.kills)
            for number in range(restarts)
        ]
        scene.wait_until_done()
        worker.stop()
        verdict = scene.verdict()
    slow = [took for took in resumed_s if took > MOST_S]
    yield Row.of(
        NUMBER,
        f"nats-server restarted under load, {size.stops} SIGTERM and {size.kills} kill -9",
        verdict,
        f"resumed after {max(resumed_s):.1f} s at most; {verdict.redelivered} redeliveries",
        [f"work went on after {took:.1f} s" for took in slow],
    )


def _restart(scene: Scene, nats: NatsServer, *, kill: bool) -> float:
    """Restart the server in the middle of some jobs; returns how long they stood still."""
    scene.ledger.publish(scene.ledger.good(_PORTION))
    published = jobs_left(scene)
    wait_for(lambda: jobs_left(scene) < published, "some are settled")
    if kill:
        nats.kill()
    else:
        nats.stop()
    nats.start()
    return resumption(scene)
