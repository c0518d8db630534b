"""Rounds that take turns, and what they say: medians, ratios, CPU time beside wall time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_NAME_END = b") "
_PARENT, _UTIME, _STIME = 1, 11, 12  # fields of /proc/PID/stat after the name


@dataclass(frozen=True, slots=True)
class Sample:
    """One round: so many photos, in so many seconds by the clock and of all processors.

    ``servers_s`` are the processor seconds that the servers took meanwhile, on the same machine.
    """

    photos: int
    wall_s: float
    cpu_s: float
    servers_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Photos per second by the clock."""
        return self.photos / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time per photo."""
        return 1000 * self.cpu_s / self.photos


@dataclass(frozen=True, slots=True)
class Series:
    """A lane's rounds."""

    samples: tuple[Sample, ...]

    @property
    def per_s(self) -> float:
        """Photos per second, median."""
        return median(sample.per_s for sample in self.samples)

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time per photo, median."""
        return median(sample.cpu_ms for sample in self.samples)

    @property
    def servers_ms(self) -> float:
        """Milliseconds of processor time that the servers take per photo, median."""
        return median(1000 * sample.servers_s / sample.photos for sample in self.samples)


class Lane(Protocol):
    """One way to do the work, ready to do more of it."""

    def round(self, photos: int) -> Sample:
        """Work through so many photos."""


def take_turns(
    lanes: Mapping[str, Lane], rounds: int, round_s: float, done: Callable[[], None]
) -> dict[str, Series]:
    """Run all lanes in turn, several times, each time in another order.

    Whatever slows the machine down for a while so slows down all of them. A first round, which is
    not counted, warms up and finds out how many photos fill ``round_s`` seconds.

    Args:
        lanes: by name.
        rounds: how many of them count.
        round_s: how long a lane's round should last.
        done: called after every lane's round, ``len(lanes) * (rounds + 1)`` times.
    """
    sizes = {}
    for name, lane in lanes.items():
        lane.round(4)
        sizes[name] = max(4, round(lane.round(8).per_s * round_s))
        done()
    samples: dict[str, list[Sample]] = {name: [] for name in lanes}
    names = list(lanes)
    for number in range(rounds):
        for name in _turned(names, number):
            samples[name].append(lanes[name].round(sizes[name]))
            done()
    return {name: Series(tuple(taken)) for name, taken in samples.items()}


def _turned(names: Sequence[str], by: int) -> Iterator[str]:
    middle = by % len(names)
    yield from names[middle:]
    yield from names[:middle]


def ratio(above: Series, below: Series) -> float:
    """How many times as fast as ``below``: the median of the ratios of each two rounds."""
    pairs = zip(above.samples, below.samples, strict=True)
    return median(a.per_s / b.per_s for a, b in pairs)


def cpu_ratio(above: Series, below: Series) -> float:
    """How much of ``below``'s processor time ``above`` needs for a photo, as ``below / above``."""
    pairs = zip(above.samples, below.samples, strict=True)
    return median(b.cpu_ms / a.cpu_ms for a, b in pairs)


def process_cpu_s(pid: int) -> float:
    """Processor seconds that a process has used so far, with all its threads."""
    return _cpu_s(_stat(pid))


def thread_cpu_s(thread: int) -> float:
    """Processor seconds that a thread of this process has used so far, to the nanosecond.

    https://docs.kernel.org/scheduler/sched-stats.html
    """
    return int(Path(f"/proc/self/task/{thread}/schedstat").read_bytes().split()[0]) / 1e9


def tree_cpu_s(root: int) -> float:
    """The same for a process and all that it started and that still runs."""
    processes = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                processes[int(entry.name)] = _stat(int(entry.name))
    found = {root}
    while more := {p for p, s in processes.items() if int(s[_PARENT]) in found} - found:
        found |= more
    return sum(_cpu_s(processes[process]) for process in found if process in processes)


def _stat(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(_NAME_END)[2].split()


def _cpu_s(fields: list[bytes]) -> float:
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """A process's resident memory in megabytes; ``VmHWM`` is the most it ever was."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024 / 1e6
    raise ValueError(field)


def open_files(pid: int) -> int:
    """How many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
