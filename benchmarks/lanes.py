"""Processes that do the work when asked to, and stand still while others are measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Self

import orjson

from benchmarks.measure import Sample, process_cpu_s
from benchmarks.stage import Queue, child_environment
from dataflow.jobs.errors import SystemicError
from dataflow.settings import PREFIX

_REPOSITORY = Path(__file__).parents[1]
_PATIENCE_S = 120
_WORDS_KEPT = 1000
_SETTLED = b'"job_settled"'
_STARTS = b'"worker_starts"'


class BareLane:
    """A ``python -m benchmarks.lane``."""

    def __init__(self, kind: str, photos: Path, variables: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.lane", kind, str(photos)],
            cwd=_REPOSITORY,
            env=child_environment(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._ready = False

    def round(self, photos: int) -> Sample:
        """Work through so many photos."""
        if not self._ready:
            self._answer()
            self._ready = True
        assert self._process.stdin  # noqa: S101 - a pipe, as asked for above
        self._process.stdin.write(f"{photos}\n")
        self._process.stdin.flush()
        took = self._answer()
        return Sample(photos, took["wall_s"], took["cpu_s"])

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=_PATIENCE_S)

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout  # noqa: S101
        line = self._process.stdout.readline()
        if not line:
            raise SystemicError(f"{self._process.args!r} ended")
        answer: dict[str, float] = orjson.loads(line)
        return answer


class WorkerProcess:
    """A worker whose settled jobs are counted as it says so."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=_REPOSITORY,
            env=child_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._said: list[bytes] = []
        self._changed = threading.Condition()
        self._settled = 0
        self.last_at = 0.0
        self._ended = False
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def settled(self) -> int:
        """Jobs that it has settled so far."""
        with self._changed:
            return self._settled

    def wait_ready(self) -> None:
        """Wait until its models are loaded and it is about to ask for jobs.

        Raises:
            SystemicError: it is not; the message has its last words.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended, _PATIENCE_S)
            if not self._ready:
                raise SystemicError(f"a worker does not start; it said:\n{self._words()}")

    def wait_settled(self, count: int, patience_s: float = _PATIENCE_S) -> float:
        """Wait until it has settled so many in all; returns when the last one was.

        Raises:
            SystemicError: it does not; the message has its last words.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._settled >= count or self._ended, patience_s)
            if self._settled < count:
                raise SystemicError(
                    f"{self._settled} of {count} jobs settled; it said:\n{self._words()}"
                )
            return self.last_at

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Drain it."""
        self.signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S / 4)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            if self._process.stderr:
                self._process.stderr.close()

    @property
    def _ready(self) -> bool:
        return any(_STARTS in line for line in self._said)

    def _words(self) -> str:
        return b"".join(self._said[-20:]).decode("utf-8", "replace")

    def _follow(self) -> None:
        for line in self._process.stderr or ():
            at = time.perf_counter()
            with self._changed:
                if _SETTLED in line:
                    self._settled += 1
                    self.last_at = at
                elif len(self._said) < _WORDS_KEPT:
                    self._said.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


WORKER = ("-m", "bytewax.run", "dataflow:flow", "-s", "3600")
"""The worker, as it is run."""


class WorkerLane:
    """One or more processes on one queue, stopped by SIGSTOP while it is not their turn."""

    def __init__(
        self,
        queue: Queue,
        keys: Sequence[str],
        *,
        command: Sequence[str] = WORKER,
        processes: int = 1,
        **variables: str,
    ) -> None:
        own = {PREFIX + name: value for name, value in variables.items()}
        self._queue = queue
        self._keys = keys
        self.processes = [
            WorkerProcess(command, {**queue.variables, **own}) for _ in range(processes)
        ]

    def wait_ready(self) -> None:
        """Wait until all of them are about to ask for jobs."""
        for process in self.processes:
            process.wait_ready()

    def round(self, photos: int) -> Sample:
        """Settle so many jobs, which wait in the queue when the clock starts."""
        self._signal(signal.SIGSTOP)
        self._queue.publish(list(islice(cycle(self._keys), photos)))
        return self.settle(photos)

    def settle(self, photos: int) -> Sample:
        """Settle so many jobs that wait in the queue, and stand still then."""
        before = self._settled()
        servers, cpu, wall = self._servers_s(), self._cpu_s(), time.perf_counter()
        self._signal(signal.SIGCONT)
        last = self._wait(before + photos)
        sample = Sample(photos, last - wall, self._cpu_s() - cpu, self._servers_s() - servers)
        self._signal(signal.SIGSTOP)
        return sample

    def resume(self) -> None:
        """Go on, unmeasured."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Drain all of them."""
        for process in self.processes:
            process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            process.signal(number)

    def _settled(self) -> int:
        return sum(process.settled for process in self.processes)

    def _cpu_s(self) -> float:
        return sum(process_cpu_s(process.pid) for process in self.processes)

    def _servers_s(self) -> float:
        return self._queue.site.servers_cpu_s()

    def _wait(self, count: int) -> float:
        if len(self.processes) == 1:
            return self.processes[0].wait_settled(count)
        deadline = time.perf_counter() + _PATIENCE_S
        while self._settled() < count:
            if time.perf_counter() > deadline:
                raise SystemicError(f"{self._settled()} of {count} jobs settled")
            time.sleep(0.002)
        return max(process.last_at for process in self.processes)


@contextmanager
def one_core() -> Iterator[None]:
    """Have the processes that are started meanwhile run on one core only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def far_store(endpoint: str, latency_ms: float) -> Iterator[str]:
    """The address of a store that takes so many milliseconds longer to answer."""
    if not latency_ms:
        yield endpoint
        return
    command = [sys.executable, "-m", "benchmarks.forwarder", endpoint, str(latency_ms)]
    with subprocess.Popen(
        command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout  # noqa: S101 - a pipe, as asked for
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.communicate()
