"""Experiment 4: what an object store can answer instead of an image. All of it at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.forwarder import FORWARD, REFUSE, Forwarder
from dataflow.jobs.reason import Reason
from tests.faults.lab import Lab, Scene, resumption, wait_for
from tests.faults.ledger import Wanted
from tests.faults.report import Row
from tests.faults.store_faults import (
    Fault,
    FaultyStore,
    Tamper,
    answering,
    drop_by_drop,
    faulty_store,
    half,
    sometimes,
    whole,
)

NUMBER = 4
BUSY_SHARE = 0.3

_MAX_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Size:
    """Jobs of each case, and the seconds that troubles last which are held or waited out."""

    jobs: int
    trouble_s: float
    ack_wait_s: float


SMALL = Size(jobs=30, trouble_s=4, ack_wait_s=2)
FULL = Size(jobs=500, trouble_s=60, ack_wait_s=5)

Case = Callable[[Lab, Size], Row]


def run(lab: Lab, size: Size) -> Iterator[Row]:
    cases = (_busy, _refused, _forbidden, _cut, _slow, _absent_and_large)
    with ThreadPoolExecutor(len(cases)) as pool:
        yield from pool.map(lambda case: _or_broken_off(case, lab, size), cases)


def _or_broken_off(case: Case, lab: Lab, size: Size) -> Row:
    try:
        return case(lab, size)
    except Exception as error:  # noqa: BLE001 - the others come to their end, and this is a row
        return Row.broken_off(NUMBER, case.__name__, error)


def _busy(lab: Lab, size: Size) -> Row:
    """A fault that is there all the time; a job that meets it three times in a row comes again."""
    with _scene(lab, size) as scene, faulty_store(lab.objects.endpoint) as store:
        store.behave(sometimes(BUSY_SHARE, answering(503, b"SlowDown")))
        scene.ledger.publish(scene.ledger.good(size.jobs))
        worker = scene.start(STORE__ENDPOINT=store.address)
        scene.wait_until_done()
        worker.stop()
        measured = f"{store.faults} of {store.requests} requests failed"
        return Row.of(NUMBER, f"{BUSY_SHARE:.0%} of the answers are 503", scene.verdict(), measured)


def _refused(lab: Lab, size: Size) -> Row:
    with _scene(lab, size) as scene, Forwarder(lab.objects.port) as proxy:
        resumed_s = _wait_out(
            scene,
            size,
            proxy.address,
            lambda: proxy.behave(REFUSE),
            lambda: proxy.behave(FORWARD),
        )
        done = f"connections refused for {size.trouble_s:g} s"
        return _row(scene, done, resumed_s, held=True)


def _forbidden(lab: Lab, size: Size) -> Row:
    fault = answering(403, b"AccessDenied")
    with _scene(lab, size) as scene, faulty_store(lab.objects.endpoint) as store:
        resumed_s = _answered(scene, size, store, fault, whole)
        done = f"every answer is 403 for {size.trouble_s:g} s"
        return _row(scene, done, resumed_s, held=True)


def _cut(lab: Lab, size: Size) -> Row:
    with _scene(lab, size) as scene, faulty_store(lab.objects.endpoint) as store:
        resumed_s = _answered(scene, size, store, None, half)
        done = f"bodies cut at half for {size.trouble_s:g} s"
        return _row(scene, done, resumed_s, held=False)


def _slow(lab: Lab, size: Size) -> Row:
    with _scene(lab, size) as scene, faulty_store(lab.objects.endpoint) as store:
        resumed_s = _answered(scene, size, store, None, drop_by_drop)
        done = f"one byte per second for {size.trouble_s:g} s"
        return _row(scene, done, resumed_s, held=False)


def _absent_and_large(lab: Lab, size: Size) -> Row:
    """What no other try would fix."""
    share = size.jobs // 3
    with _scene(lab, size) as scene:
        ledger = scene.ledger
        scene.world.upload("large.jpg", bytes(_MAX_BYTES + 1))
        jobs: Sequence[Wanted] = [
            *ledger.good(share),
            *ledger.bad(Reason.IMAGE_NOT_FOUND, "nowhere.jpg", share),
            *ledger.bad(Reason.IMAGE_TOO_LARGE, "large.jpg", share),
        ]
        ledger.publish(jobs)
        worker = scene.start()
        scene.wait_until_done()
        worker.stop()
        done = f"{share} objects that are not there, {share} larger than the cap"
        return Row.of(NUMBER, done, scene.verdict())


def _answered(
    scene: Scene, size: Size, store: FaultyStore, fault: Fault | None, tamper: Tamper
) -> float:
    """Let every answer be wrong for a while; returns how soon the work resumed."""
    return _wait_out(scene, size, store.address, lambda: store.behave(fault, tamper), store.behave)


def _wait_out(
    scene: Scene, size: Size, endpoint: str, spoil: Callable[[], None], repair: Callable[[], None]
) -> float:
    """Spoil the store for a while, under load; returns how soon the work resumed, in seconds."""
    jobs = scene.ledger.good(size.jobs)
    before = len(jobs) // 2
    scene.ledger.publish(jobs[:before])
    worker = scene.start(STORE__ENDPOINT=endpoint, WORKER__BATCH="4")
    wait_for(lambda: bool(worker.log.settled), "the worker works")
    spoil()
    scene.ledger.publish(jobs[before:])
    time.sleep(size.trouble_s)
    repair()
    resumed_s = resumption(scene)
    scene.wait_until_done()
    worker.stop()
    return resumed_s


def _row(scene: Scene, done: str, resumed_s: float, *, held: bool) -> Row:
    """Where the failure is systemic, work is held and no attempt is used."""
    verdict = scene.verdict()
    used = verdict.redelivered
    measured = f"resumed after {resumed_s:.1f} s; {used} attempts used"
    problems = [f"{used} attempts were used"] if held and used else []
    return Row.of(NUMBER, done, verdict, measured, problems)


@contextmanager
def _scene(lab: Lab, size: Size) -> Iterator[Scene]:
    settings = {
        "NATS__ACK_WAIT_S": str(size.ack_wait_s),
        "NATS__RETRY_DELAY_S": "0.5",
        # Trouble that lasts burns attempts here, and is not the jobs' own.
        "NATS__MAX_DELIVER": "1000",
        "STORE__IMAGE_TIMEOUT_S": "3",
        "IMAGES__MAX_BYTES": str(_MAX_BYTES),
    }
    with lab.scene(settings) as scene:
        yield scene
