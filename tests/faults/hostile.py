"""Experiment 5: bad images among good ones, beside a clean run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import jpeg, scaled
from soloface.cli.demo.people import ENROLLED
from tests.faults.lab import Lab, Scene, jobs_left, wait_for
from tests.faults.ledger import SMALL as SCALE
from tests.faults.ledger import Ledger, Wanted
from tests.faults.report import Row
from tests.fixtures.worker import Worker
from tests.pictures import jpeg_claiming, saved

NUMBER = 5
LEAST_SHARE = 0.95
"""Of the clean run's throughput, for the good jobs among the bad ones."""
MOST_GROWTH = 1.0
"""Megabytes of resident memory per 1,000 photos."""

_MAX_BYTES = 200_000
_WARM_UP = 2
"""Rounds that are left out of the memory's slope: pools and caches fill."""


@dataclass(frozen=True, slots=True)
class Size:
    """``good`` and ``bad`` jobs in each of so many rounds; ``timed`` where time and memory count.

    Before each round comes a clean one with as many good jobs.
    """

    rounds: int
    good: int
    bad: int
    timed: bool


SMALL = Size(rounds=1, good=20, bad=20, timed=False)
FULL = Size(rounds=10, good=1000, bad=100, timed=True)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    with lab.scene({"IMAGES__MAX_BYTES": str(_MAX_BYTES)}) as scene:
        bad = _bad_images(scene)
        worker = scene.start()
        _warm_up(scene)
        clean, mixed, memory = [], [], []
        for _ in range(size.rounds):
            clean.append(_timed(scene, scene.ledger.good(size.good)))
            mixed.append(_timed(scene, scene.ledger.good(size.good) + _some(bad, size.bad)))
            memory.append(_resident_mb(worker))
        worker.stop()
        verdict = scene.verdict()
    share = median(c / m for c, m in zip(clean, mixed, strict=True))
    problems, measured = [], f"{len(bad)} kinds"
    if size.timed:
        growth = _slope(memory[_WARM_UP:]) / (2 * size.good + size.bad) * 1000
        alone, among = (size.good / median(seconds) for seconds in (clean, mixed))
        measured += (
            f"; good jobs {alone:.0f}/s alone, {among:.0f}/s among bad ones ({share:.1%}); "
            f"memory {growth:+.2f} MB per 1,000 photos"
        )
        if share < LEAST_SHARE:
            problems.append(f"the good jobs' throughput is {share:.1%} of a clean run's")
        if growth > MOST_GROWTH:
            problems.append(f"memory grows by {growth:.2f} MB per 1,000 photos")
    yield Row.of(
        NUMBER,
        f"{size.rounds * size.bad:,} bad images among {size.rounds * size.good:,} good jobs, "
        f"in turn with {size.rounds * size.good:,} good ones alone",
        verdict,
        measured,
        problems,
    )


Bad = Callable[[int], Sequence[Wanted]]


def _bad_images(scene: Scene) -> Mapping[str, Bad]:
    """Ways to make bad jobs, so many at a time."""
    portrait = scaled(ENROLLED[0].portrait(), SCALE)
    bombs = np.zeros((64, 64, 3), np.uint8)
    images = {
        "empty": (b"", Reason.IMAGE_UNDECODABLE),
        "no image": (b"<html>not found</html>" * 50, Reason.IMAGE_UNDECODABLE),
        "half of a JPEG": (portrait[: len(portrait) // 2], Reason.IMAGE_UNDECODABLE),
        "half of a PNG": (_png()[:1000], Reason.IMAGE_UNDECODABLE),
        "noise in a JPEG": (portrait[:100] + bytes(range(256)) * 20, Reason.IMAGE_UNDECODABLE),
        "a JPEG that claims 60,000 x 60,000": (
            jpeg_claiming(60_000, 60_000),
            Reason.IMAGE_TOO_LARGE,
        ),
        "larger than the cap": (jpeg(bombs) + bytes(_MAX_BYTES), Reason.IMAGE_TOO_LARGE),
    }
    for name, (content, _) in images.items():
        scene.world.upload(name, content)
    ledger = scene.ledger
    made: dict[str, Bad] = {
        name: _of_image(ledger, reason, name) for name, (_, reason) in images.items()
    }
    made["absent"] = lambda count: ledger.bad(Reason.IMAGE_NOT_FOUND, "nowhere.jpg", count)
    made["a URL"] = lambda count: ledger.bad(Reason.INVALID_IMAGE_REF, "http://x/y.jpg", count)
    made["no job"] = lambda count: [
        Wanted(b"{%d" % n, None, frozenset({Reason.MALFORMED_PAYLOAD})) for n in range(count)
    ]
    return made


def _of_image(ledger: Ledger, reason: Reason, key: str) -> Bad:
    return lambda count: ledger.bad(reason, key, count)


def _some(bad: Mapping[str, Bad], count: int) -> list[Wanted]:
    share = -(-count // len(bad))
    return [wanted for make in bad.values() for wanted in make(share)][:count]


def _png() -> bytes:
    return saved(Image.effect_noise((64, 64), 50).convert("RGB"), "PNG")


def _warm_up(scene: Scene) -> None:
    scene.ledger.publish(scene.ledger.good(8))
    scene.wait_until_done()


def _timed(scene: Scene, jobs: list[Wanted]) -> float:
    """Seconds from the first job on the stream to the last one settled."""
    random.shuffle(jobs)
    began = time.monotonic()
    scene.ledger.publish(jobs)
    wait_for(lambda: jobs_left(scene) == 0, "everything is settled", 600)
    return time.monotonic() - began


def _resident_mb(worker: Worker) -> float:
    status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def _slope(values: Sequence[float]) -> float:
    """Growth per value, by least squares."""
    return float(np.polyfit(range(len(values)), values, 1)[0])
