"""Where a worker's processor time goes, by thread.

``python -m bytewax.run benchmarks.threads:flow`` is the worker, which writes down what each of its
threads has used so far when it gets a SIGUSR1.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from bytewax.dataflow import Dataflow

from benchmarks.lanes import WorkerLane
from benchmarks.measure import process_cpu_s, thread_cpu_s
from benchmarks.stage import Queue
from dataflow.jobs.errors import SystemicError
from soloface.worker import worker_flow

_COMMAND = ("-m", "bytewax.run", "benchmarks.threads:flow", "-s", "3600")
_FILE = "BENCHMARK_THREADS"
_PATIENCE_S = 30
_NAMES = {
    "embed": "computing: decode, detect, align, embed",
    "fetch": "fetching: the store's SDK, HTTP",
    "MainThread": "the flow: look-ups, writes, log, metrics",
    "nats": "NATS: jobs, events, answers, heartbeats",
}
OTHERS = "others"


def flow() -> Dataflow:
    """The worker's dataflow, in a process that tells about its threads."""
    signal.signal(signal.SIGUSR1, lambda *_: _tell())
    return worker_flow()


def _tell() -> None:
    path = Path(os.environ[_FILE])
    used = dict.fromkeys((*_NAMES.values(), OTHERS), 0.0)
    for thread in threading.enumerate():
        if thread.native_id:
            used[_NAMES.get(thread.name, OTHERS)] += thread_cpu_s(thread.native_id)
    used[OTHERS] += process_cpu_s(os.getpid()) - sum(used.values())
    partial = path.with_suffix(".partial")
    partial.write_bytes(orjson.dumps(used))
    partial.rename(path)


def measure(queue: Queue, keys: Sequence[str], folder: Path, photos: int) -> Mapping[str, float]:
    """Milliseconds of processor time per photo, by what they were used for."""
    path = folder / "threads.json"
    queue = Queue(queue.site, {**queue.variables, _FILE: str(path)})
    with WorkerLane(queue, keys, command=_COMMAND) as lane:
        lane.round(max(8, photos // 4))
        (worker,) = lane.processes
        worker.signal(signal.SIGCONT)
        before = _asked(worker.pid, path)
        lane.round(photos)
        worker.signal(signal.SIGCONT)
        after = _asked(worker.pid, path)
    return {name: 1000 * (used - before.get(name, 0)) / photos for name, used in after.items()}


def _asked(pid: int, path: Path) -> Mapping[str, float]:
    path.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + _PATIENCE_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise SystemicError("the worker does not tell of its threads")
        time.sleep(0.01)
    answer: Mapping[str, float] = orjson.loads(path.read_bytes())
    return answer
