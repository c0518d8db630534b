"""The figures to reach, and whether they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from benchmarks.measure import cpu_ratio, ratio
from benchmarks.rates import WITHOUT_STORE
from benchmarks.results import Results, SceneResult
from benchmarks.scene import worker_name
from dataflow.settings import OPEN_PACK

_WORKER_TO_LOOP = {0: 0.95, 20: 0.95, 100: 0.90}
_LOOP_TO_LIMIT = {"500 px": 0.85, "2 MP": 0.70}
_LOOP_TO_INSIGHTFACE = {"insightface": 5.0, "insightface-n": None, "insightface-1": 2.2}
_WORKER_TO_NAIVE = {"2 MP": 6.0, "12 MP": 6.0}
_SCALED, _SINGLE = ("-w 2", "two processes"), ("one thread", "one core")


@dataclass(frozen=True, slots=True)
class Figure:
    """A goal; ``at_most`` says that less is better. ``goal`` may be ``None``: only shown."""

    number: int
    what: str
    measured: float
    goal: float | None = None
    at_most: bool = False
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it was reached."""
        if self.goal is None:
            return None
        return self.measured <= self.goal if self.at_most else self.measured >= self.goal


def figures(results: Results) -> list[Figure]:
    """Those that can be told from what was measured, by number."""
    found = [figure for scene in results.scenes for figure in _of_scene(scene)]
    if WITHOUT_STORE in results.rates:
        rate = results.rates[WITHOUT_STORE].per_s
        found.append(Figure(6, "plumbing, one process", rate, 1000, unit="jobs/s"))
    for start in results.startups:
        first = start.first_settled_s
        found.append(Figure(7, f"{start.pack}: cold start", first, 3, at_most=True, unit="s"))
        idle = 100 * start.idle_cpu
        found.append(Figure(7, f"{start.pack}: idle", idle, 5, at_most=True, unit="% of a core"))
        goal = 350 if start.pack == OPEN_PACK else None
        memory = start.rss_mb
        found.append(Figure(7, f"{start.pack}: memory", memory, goal, at_most=True, unit="MB"))
    return sorted(found, key=lambda figure: figure.number)


def _of_scene(scene: SceneResult) -> Iterator[Figure]:
    lanes, where = scene.lanes, f"{scene.pack}, {scene.photos}"
    loop = lanes["loop"]
    for latency_ms, least in _WORKER_TO_LOOP.items():
        if worker := lanes.get(worker_name(latency_ms)):
            what = f"{where}: worker / loop, store {latency_ms} ms"
            yield Figure(1, what, ratio(worker, loop), least)
            yield Figure(1, f"{what}, processor time", cpu_ratio(worker, loop))
    share = cpu_ratio(loop, lanes["limit"])
    what = f"{where}: loop / limit, processor time"
    yield Figure(2, what, share, _LOOP_TO_LIMIT.get(scene.photos))
    if floor := lanes.get("decode-floor"):
        least_ms = lanes["limit"].cpu_ms + floor.cpu_ms
        what = f"{where}: loop / limit and decode floor, processor time"
        yield Figure(2, what, least_ms / loop.cpu_ms)
    for lane, goal in _LOOP_TO_INSIGHTFACE.items():
        if lane in lanes:
            yield Figure(3, f"{where}: loop / {lane}", ratio(loop, lanes[lane]), goal)
    if "naive" in lanes:
        near = ratio(lanes[worker_name(0)], lanes["naive"])
        yield Figure(4, f"{where}: worker / naive worker", near, _WORKER_TO_NAIVE.get(scene.photos))
    for lane, one in product(_SCALED, _SINGLE):
        if lane in lanes:
            yield Figure(5, f"{where}: {lane} / {one}", ratio(lanes[lane], lanes[one]), 1.85)
