"""One pack and one size of photos: every way to do the work, taking turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lanes import WORKER, BareLane, WorkerLane, far_store, one_core
from benchmarks.measure import Lane, Series, take_turns
from benchmarks.stage import Site

_NAIVE = ("-m", "benchmarks.naive")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is compared: ``pack`` and ``size`` are names, ``folder`` holds the photos.

    ``also`` are settings of further workers, each as NAME=VALUE with commas between.
    """

    pack: str
    size: str
    folder: Path
    site: Site
    insightface: bool
    scaling: bool
    latencies_ms: tuple[int, ...]
    also: tuple[str, ...] = ()

    def lanes(self) -> list[str]:
        """Names of the lanes, in their first order."""
        names = ["loop", "limit", "decode-floor"]
        if self.insightface:
            names += ["insightface", "insightface-n", "insightface-1", "naive"]
        names += [worker_name(latency_ms) for latency_ms in self.latencies_ms]
        if self.scaling:
            names += ["one thread", "one core", "-w 2", "two processes"]
        return [*names, *self.also]


def worker_name(latency_ms: int) -> str:
    """The lane of a worker whose store is so far away."""
    return f"worker, store {latency_ms} ms"


def measure(
    scene: Scene, rounds: int, round_s: float, done: Callable[[], None]
) -> Mapping[str, Series]:
    """Run all lanes of a scene."""
    keys = scene.site.upload(sorted(scene.folder.iterdir()))
    with ExitStack() as stack:
        lanes = {name: stack.enter_context(_lane(scene, name, keys)) for name in scene.lanes()}
        return take_turns(lanes, rounds, round_s, done)


@contextmanager
def _lane(scene: Scene, name: str, keys: Sequence[str]) -> Iterator[Lane]:
    site = scene.site
    with ExitStack() as stack:
        lane: BareLane | WorkerLane
        match name:
            case "naive":
                lane = WorkerLane(site.queue(), keys, command=_NAIVE)
            case "one thread":
                lane = WorkerLane(site.queue(), keys, WORKER__CORES="1")
            case "one core":
                with one_core():
                    lane = WorkerLane(site.queue(), keys)
            case "-w 2":
                lane = WorkerLane(site.queue(), keys, command=(*WORKER, "-w", "2"))
            case "two processes":
                lane = WorkerLane(site.queue(), keys, processes=2, WORKER__CORES="1")
            case settings if "=" in settings:
                variables = dict(pair.split("=", 1) for pair in settings.split(","))
                lane = WorkerLane(site.queue().having(variables), keys)
            case worker if worker.startswith("worker"):
                latency_ms = float(worker.split()[-2])
                endpoint = site.settings.store.endpoint
                store = stack.enter_context(far_store(endpoint, latency_ms))
                lane = WorkerLane(site.queue(), keys, STORE__ENDPOINT=store)
            case kind:
                lane = BareLane(kind, scene.folder, site.variables)
        stack.callback(lane.close)
        yield lane
