"""Alerts upon series that a real Prometheus has scraped from a real worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from connectors.embedded import ObjectServer
from soloface.cli.demo.changes import jpeg
from tests.fixtures.prometheus import Prometheus, StartPrometheus, free_port
from tests.fixtures.recordings import recording
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.load import PEOPLE
from tests.world import World, eventually

STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Watch:
    """A Prometheus at work, and where its recordings are put."""

    server: Prometheus
    folder: Path

    def scrapes(self) -> float:
        return self.server.value("sum(count_over_time(soloface_ready[1h]))") or 0

    def wait(self, scrapes: int) -> None:
        """Let so many steps go by, at least."""
        wanted = self.scrapes() + scrapes
        eventually(lambda: self.scrapes() >= wanted, "scrapes", 60)

    def knows_of_a_job(self) -> bool:
        return bool(self.server.value("max(soloface_oldest_job_age_seconds)"))

    @contextmanager
    def fires(self, *alerts: str, within_scrapes: int) -> Iterator[None]:
        """What happens inside must raise these alerts and no other."""
        self.wait(1)
        began = time.time()
        yield
        self.wait(within_scrapes)
        recording(self.server, began, time.time(), STEP_S).assert_fires(alerts, self.folder)


def test_a_quiet_run_raises_no_alert_and_each_trouble_its_own(
    make_world: MakeWorld,
    run_worker: RunWorker,
    log: Log,
    prometheus: StartPrometheus,
    tmp_path: Path,
) -> None:
    with ObjectServer() as objects:
        world = make_world(objects=objects, METRICS_PORT=str(port := free_port()))
        watch = Watch(prometheus(port, every_s=STEP_S), tmp_path)  # scrapes after five seconds
        world.enrol(*PEOPLE[:1])
        first, second = world.photos(jpeg(PEOPLE[0].portrait()), 2)
        run_worker()
        log.wait(lambda: bool(log.events("worker_starts")))

        with watch.fires(within_scrapes=8):
            log.wait_settled(world.publish(first.job(), *skipped(world, 20)))
        with watch.fires("SolofaceDeadLetters", within_scrapes=10):
            log.wait_settled(world.publish(*[b"no job"] * 15, *skipped(world, 20)))
        with watch.fires(
            "SolofaceDependencyDown", "SolofaceNotReady", "SolofaceNoWorkerReady", within_scrapes=14
        ):
            objects.stop()
            world.publish(second.job())
            log.wait(partial(is_unusable, log, "object store"))
            eventually(watch.knows_of_a_job, "Prometheus knows that a job has no outcome", 60)


def skipped(world: World, count: int) -> list[bytes]:
    """Jobs of group photos: nothing is wrong with them."""
    return [photo.job(faces_detected=3) for photo in world.photos(None, count)]


def is_unusable(log: Log, dependency: str) -> bool:
    return bool(log.events("dependency_unusable", dependency=dependency))
