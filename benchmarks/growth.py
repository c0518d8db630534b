"""Whether a photo costs the same when the queue, the gallery and the run are long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psycopg

from benchmarks.lanes import WORKER, WorkerProcess
from benchmarks.measure import memory_mb, open_files
from benchmarks.stage import Queue

_TENTHS = 10
_WARM_TENTHS = 2
_PATIENCE_S = 3600
_CONNECTIONS = "select count(*) from pg_stat_activity where datname = current_database()"


@dataclass(frozen=True, slots=True)
class Moment:
    """A worker after so many photos: resident memory in MB, files and database connections open."""

    photos: int
    at_s: float
    rss_mb: float
    files: int
    connections: int


@dataclass(frozen=True, slots=True)
class Growth:
    """One run of one worker, looked at after every tenth."""

    queued: int
    users: int
    moments: tuple[Moment, ...]

    @property
    def last_to_first(self) -> float:
        """Throughput of the last tenth, as a share of that of the first."""
        first, second, *_, before, last = self.moments
        return (second.at_s - first.at_s) / (last.at_s - before.at_s)

    @property
    def rss_slope(self) -> float:
        """Megabytes per 1,000 photos, once the first tenths have warmed everything up."""
        settled = self.moments[_WARM_TENTHS:]
        photos, memory = [m.photos for m in settled], [m.rss_mb for m in settled]
        return float(np.polyfit(photos, memory, 1)[0] * 1000)

    @property
    def is_level(self) -> bool:
        """Whether files and connections are as many at the end as after the first tenth."""
        early, late = self.moments[1], self.moments[-1]
        return (late.files, late.connections) <= (early.files, early.connections)


def measure(queue: Queue, queued: int, users: int, photos: int, done: Callable[[], None]) -> Growth:
    """Watch a worker while it settles the first ``photos`` of the ``queued`` jobs of a queue."""
    worker = WorkerProcess(WORKER, queue.variables)
    try:
        worker.wait_settled(1)
        moments = [_moment(worker, queue)]
        for tenth in range(1, _TENTHS + 1):
            worker.wait_settled(photos * tenth // _TENTHS, _PATIENCE_S)
            moments.append(_moment(worker, queue))
            done()
    finally:
        worker.close()
    return Growth(queued, users, tuple(moments))


def _moment(worker: WorkerProcess, queue: Queue) -> Moment:
    at_s = time.perf_counter() - worker.started_at
    dsn = queue.site.settings.database.dsn.get_secret_value()
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_CONNECTIONS).fetchone()
    others = int(row[0]) - 1 if row else 0
    return Moment(worker.settled, at_s, memory_mb(worker.pid), open_files(worker.pid), others)
