"""The ways to spread the work over cores."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from benchmarks.lanes import WORKER, WorkerLane, WorkerProcess, one_core
from benchmarks.stage import Queue, Site
from dataflow.settings import PREFIX

MakeLane = Callable[[Queue, Sequence[str]], WorkerLane]


class ClusterLane(WorkerLane):
    """Processes of one computing thread as one Bytewax cluster: they live and end together."""

    def __init__(
        self, queue: Queue, keys: Sequence[str], *, processes: int = 2, **variables: str
    ) -> None:
        super().__init__(queue, keys, processes=0)
        addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(processes))
        own = {PREFIX + name: value for name, value in variables.items()}
        for number in range(processes):
            member = {
                f"{PREFIX}WORKER__CORES": "1",
                "BYTEWAX_ADDRESSES": addresses,
                "BYTEWAX_PROCESS_ID": str(number),
            }
            self.processes.append(WorkerProcess(WORKER, {**queue.variables, **own, **member}))

    def close(self) -> None:
        """Drain all of them at once: none ends before the others do."""
        with ThreadPoolExecutor(len(self.processes)) as threads:
            list(threads.map(WorkerProcess.close, self.processes))


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    with ExitStack() as stack:
        free = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [port.getsockname()[1] for port in free]


def _on_one_core(queue: Queue, keys: Sequence[str]) -> WorkerLane:
    """With one computing thread alone, the second core would still do the plumbing."""
    with one_core():
        return WorkerLane(queue, keys)


ONE_CORE = "one process on one core"

WAYS: Mapping[str, MakeLane] = {
    ONE_CORE: _on_one_core,
    "one process, two computing threads": lambda queue, keys: WorkerLane(
        queue, keys, WORKER__CORES="2"
    ),
    "one process, two computing threads, `-w 2`": lambda queue, keys: WorkerLane(
        queue, keys, command=(*WORKER, "-w", "2"), WORKER__CORES="2"
    ),
    "two processes, one computing thread each": lambda queue, keys: WorkerLane(
        queue, keys, processes=2, WORKER__CORES="1"
    ),
    "a cluster of two, one computing thread each": ClusterLane,
}
"""All ways, the first for the others to be compared with."""


@contextmanager
def lanes(site: Site, keys: Sequence[str]) -> Iterator[dict[str, WorkerLane]]:
    """A lane for each way, all of them ready, each with a queue of its own."""
    with ExitStack() as stack:
        ready = {}
        for way, make in WAYS.items():
            ready[way] = stack.enter_context(make(site.queue(), keys))
            ready[way].wait_ready()
        yield ready
