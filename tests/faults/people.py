"""Experiment 17: people by messages, amid deaths of processes and servers."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from nats.errors import Error as NatsError

from benchmarks.forwarder import FORWARD, REFUSE, Forwarder
from connectors.embedded import NatsServer, PostgresServer
from dataflow.persons.reason import PersonReason
from tests.faults.lab import PATIENCE_S, Lab, Scene, wait_for
from tests.faults.report import Row
from tests.faults.requests import Requests
from tests.selfies import Desk

NUMBER = 17
WORKERS = 2
START_S = 120
_LOOKS = 5
_ALIKE = "0"
"""All users of an experiment are one person: how near they are does not matter."""

SETTINGS = {
    "NATS__ACK_WAIT_S": "2",
    # A request that shares its process with so many deaths is not to blame for them.
    "NATS__MAX_DELIVER": "100",
    "NATS__RETRY_DELAY_S": "0.2",
    "ENROLMENT__QUALITY": "off",
    "ENROLMENT__MIN_DISTANCE": _ALIKE,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How many users, deaths of processes, restarts of each server, and seconds that one is away.

    ``rivals`` are users with one face, who all ask at once.
    """

    users: int
    kills: int
    restarts: int
    away_s: float
    rivals: int


SMALL = Size(users=9, kills=2, restarts=1, away_s=3, rivals=6)
FULL = Size(users=400, kills=60, restarts=10, away_s=60, rivals=100)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    yield _killed(lab, size)
    yield _cut_off(lab, size)
    yield _away(lab, size)
    yield _rivals(lab, size)


def _killed(lab: Lab, size: Size) -> Row:
    with lab.scene(SETTINGS) as scene, ThreadPoolExecutor(WORKERS) as pool:
        requests = Requests(scene.world)
        requests.publish(size.users)
        quota = len(requests.asked) / (size.kills + 1)
        list(pool.map(lambda _: _live_and_be_killed(scene, quota), range(size.kills)))
        _finish(scene)
        return _row(f"{size.kills} kills of {WORKERS} processes that enrol", requests)


def _live_and_be_killed(scene: Scene, quota: float) -> None:
    worker = scene.start(flow="people")
    wanted = random.uniform(0, quota)  # noqa: S311 - not secret
    wait_for(
        lambda: len(worker.log.events("person_settled")) > wanted or not _left(scene),
        "the process works",
        START_S,
    )
    time.sleep(random.uniform(0, 0.2))  # noqa: S311 - not in step with the settling
    worker.kill()


def _cut_off(lab: Lab, size: Size) -> Row:
    with (
        NatsServer() as nats,
        PostgresServer() as postgres,
        lab.scene(SETTINGS, nats=nats, postgres=postgres) as scene,
    ):
        worker = scene.start(flow="people")
        requests = Requests(scene.world)
        for _ in range(size.restarts):
            for restart in (_restarted(nats), _restarted(postgres), _killed_server(nats)):
                requests.publish(max(1, size.users // (3 * size.restarts)))
                before = _left(scene)
                wait_for(lambda before=before: _left(scene) < before, "some are settled")  # type: ignore[misc]
                restart()
        wait_for(lambda: not _left(scene), "everything is settled", PATIENCE_S)
        worker.stop()
        done = f"nats-server and PostgreSQL restarted {3 * size.restarts} times amid enrolments"
        return _row(done, requests)


def _away(lab: Lab, size: Size) -> Row:
    with (
        NatsServer() as nats,
        PostgresServer() as postgres,
        Forwarder(lab.objects.port) as store,
        lab.scene(SETTINGS, nats=nats, postgres=postgres) as scene,
    ):
        worker = scene.start(flow="people", STORE__ENDPOINT=store.address)
        requests = Requests(scene.world)
        share = max(1, size.users // 12)
        resumed_s = []
        for outage in (_stopped(nats), _stopped(postgres), _refusing(store)):
            requests.publish(share)
            requests.publish(share)
            wait_for(lambda: bool(worker.log.events("person_settled")), "the process works")
            with outage:
                time.sleep(size.away_s)
            left, repaired = _left(scene), time.monotonic()
            wait_for(lambda left=left: not left or _left(scene) < left, "the work resumes")  # type: ignore[misc]
            resumed_s.append(time.monotonic() - repaired)
        wait_for(lambda: not _left(scene), "everything is settled", PATIENCE_S)
        worker.stop()
        done = f"NATS, PostgreSQL and the object store away for {size.away_s:g} s each"
        return _row(done, requests, f"resumed after {max(resumed_s):.1f} s at most")


@contextmanager
def _stopped(server: NatsServer | PostgresServer) -> Iterator[None]:
    server.stop()
    yield
    server.start()


@contextmanager
def _refusing(store: Forwarder) -> Iterator[None]:
    store.behave(REFUSE)
    yield
    store.behave(FORWARD)


def _rivals(lab: Lab, size: Size) -> Row:
    """Of all who enrol with one face only the first may: the others clash with them."""
    with lab.scene({**SETTINGS, "ENROLMENT__MIN_DISTANCE": "0.3"}) as scene:
        desk = Desk(scene.world)
        requests = Requests(scene.world)
        requests.publish_rivals(size.rivals)
        workers = [scene.start(flow="people") for _ in range(WORKERS)]
        wait_for(lambda: not _left(scene), "everything is settled", PATIENCE_S)
        for worker in workers:
            worker.stop()
        reasons = Counter(event.reason for event in desk.events())
        enrolled = len(scene.world.gallery())
    wanted = {PersonReason.ENROLLED: 1, PersonReason.CLASHES: size.rivals - 1}
    return Row(
        experiment=NUMBER,
        done=f"{size.rivals} users with one face enrol at once, {WORKERS} processes",
        jobs=size.rivals,
        lost=size.rivals - reasons.total(),
        doubled=enrolled - 1,
        dead_expected=0,
        dead_found=0,
        measured=f"{enrolled} enrolled",
        problems=() if reasons == wanted and enrolled == 1 else (f"ended as {dict(reasons)}",),
    )


def _restarted(server: NatsServer | PostgresServer) -> Callable[[], None]:
    def restart() -> None:
        server.stop()
        server.start()

    return restart


def _killed_server(server: NatsServer) -> Callable[[], None]:
    def restart() -> None:
        server.kill()
        server.start()

    return restart


def _left(scene: Scene) -> int:
    """Requests that wait or are in work. A server that was just started may be slow to say."""
    for _ in range(_LOOKS):
        with suppress(NatsError, TimeoutError):
            return Desk(scene.world).left()
    return Desk(scene.world).left()


def _finish(scene: Scene) -> None:
    worker = scene.start(flow="people")
    wait_for(lambda: not _left(scene), "everything is settled", PATIENCE_S)
    worker.stop()


def _row(done: str, requests: Requests, measured: str = "") -> Row:
    lost, doubled, wrong = requests.problems()
    return Row(
        experiment=NUMBER,
        done=done,
        jobs=len(requests.asked),
        lost=len(lost),
        doubled=len(doubled),
        dead_expected=0,
        dead_found=0,
        measured="; ".join([*filter(None, [measured]), f"{len(wrong)} users known wrongly"]),
        problems=(*lost, *doubled, *wrong),
    )
