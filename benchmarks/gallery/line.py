"""What one way of searching comes to, and what its index costs."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from connectors.postgres.gallery.proof import BATCH, Sample, Search, measure
from connectors.postgres.session import Connection
from dataflow.gallery.intervals import wilson
from dataflow.gallery.search import exact_ms

_EXACT_S = 10
"""How long an exact search, which misses nobody, is worth being timed."""


@dataclass(frozen=True, slots=True)
class Built:
    """What building took of both, time and the server's processors, and how large it has become."""

    wall_s: float
    cpu_s: float
    mb: float


@dataclass(frozen=True, slots=True)
class Line:
    """How a search with one setting went; times are per face.

    ``recall_low`` is the lower end of the 95 % interval of ``recall``; ``cpu_ms`` is the
    database's, ``own_ms`` that of the process that asks.
    """

    setting: str
    faces: int
    recall: float
    recall_low: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    own_ms: float = 0


def line(connection: Connection, probes: Sample, setting: str, search: Search) -> Line:
    """Search for the probes."""
    measure(first(probes, BATCH), search)  # as prepared and as warm as in a worker at work
    process = connection.info.backend_pid
    before, own_before = cpu_s(process), time.process_time()
    measured = measure(probes, search)
    used_s, own_s = cpu_s(process) - before, time.process_time() - own_before
    p50, p99 = np.percentile(measured.times_ms, [50, 99])
    return Line(
        setting,
        measured.faces,
        measured.recall,
        wilson(measured.found, measured.faces)[0],
        float(p50),
        float(p99),
        used_s * 1000 / max(1, measured.faces),
        own_s * 1000 / max(1, measured.faces),
    )


def first(probes: Sample, count: int) -> Sample:
    """Some of the probes."""
    return replace(
        probes,
        faces=probes.faces[:count],
        users=probes.users[:count],
        distances=probes.distances[:count],
    )


def few(probes: Sample) -> Sample:
    """As many of the probes as an exact search finds in some seconds."""
    batch_s = BATCH * exact_ms(probes.gallery, probes.faces.shape[1]) / 1000
    return first(probes, BATCH * max(2, int(_EXACT_S / batch_s)))


def cpu_s(process_id: int, *, with_children: bool = False) -> float:
    """CPU seconds that a process has used, and its children, also those that have ended."""
    process = Path(f"/proc/{process_id}")
    fields = (process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks = sum(map(int, fields[11 : 15 if with_children else 13]))
    used = ticks / os.sysconf("SC_CLK_TCK")
    if with_children:
        children = (process / f"task/{process_id}/children").read_text(encoding="ascii").split()
        for child in children:
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                used += cpu_s(int(child))
    return used
