"""What a worker costs before, between and beside its photos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.lanes import WORKER, WorkerProcess
from benchmarks.measure import memory_mb, process_cpu_s
from benchmarks.stage import Site

_PHOTOS = 30


@dataclass(frozen=True, slots=True)
class Startup:
    """One worker with one pack.

    ``first_settled_s`` is from the start of the process, models on disk, to its first settled job;
    ``idle_cpu`` a share of one core; ``rss_mb`` its resident memory after some photos.
    """

    pack: str
    first_settled_s: float
    idle_cpu: float
    rss_mb: float


def measure(site: Site, pack: str, keys: Sequence[str], starts: int, idle_s: float) -> Startup:
    """Start a few workers, one after the other; leave the last one idle, and look at it."""
    took = []
    for number in range(starts):
        queue = site.queue()
        queue.publish(keys[:1])
        worker = WorkerProcess(WORKER, queue.variables)
        try:
            took.append(worker.wait_settled(1) - worker.started_at)
            if number == starts - 1:
                more = [keys[index % len(keys)] for index in range(_PHOTOS)]
                queue.publish(more)
                worker.wait_settled(1 + _PHOTOS)
                time.sleep(1)  # for what follows a batch to be over
                before = process_cpu_s(worker.pid)
                time.sleep(idle_s)
                idle = (process_cpu_s(worker.pid) - before) / idle_s
                rss = memory_mb(worker.pid)
        finally:
            worker.close()
    return Startup(pack, median(took), idle, rss)
