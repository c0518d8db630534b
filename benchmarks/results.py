"""What was measured, in a form that can be printed, written down and drawn."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.answers import Answers
from benchmarks.growth import Growth
from benchmarks.measure import Series
from benchmarks.startup import Startup
from dataflow.process.cores import usable_cores


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured. ``load`` is the load average when it began."""

    processor: str
    cores: int
    python: str
    load: float


def this_machine() -> Machine:
    """The machine that this runs on, now."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    name = names[0] if names else platform.machine()
    return Machine(name, usable_cores(), platform.python_version(), os.getloadavg()[0])


@dataclass(frozen=True, slots=True)
class SceneResult:
    """The lanes of one pack and one size of photos."""

    pack: str
    photos: str
    lanes: Mapping[str, Series]


@dataclass(frozen=True, slots=True)
class Threads:
    """Milliseconds of a worker's processor time per photo, by what they were used for."""

    pack: str
    photos: str
    ms: Mapping[str, float]


@dataclass(slots=True)
class Results:
    """Everything of one run of the benchmark; parts that were left out are empty."""

    size: str
    machine: Machine = field(default_factory=this_machine)
    took_s: float = 0
    scenes: list[SceneResult] = field(default_factory=list)
    rates: Mapping[str, Series] = field(default_factory=dict)
    startups: list[Startup] = field(default_factory=list)
    threads: list[Threads] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    growth: Growth | None = None
