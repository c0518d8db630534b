"""What a run came to, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.rematch.live import Live
from benchmarks.rematch.passing import Pass
from benchmarks.rematch.platform import POLICY
from benchmarks.rematch.updates import Updates
from benchmarks.report import Page
from benchmarks.results import Machine, this_machine

PLACE = "measured: rematch"
_MS = 1000


@dataclass(slots=True)
class Run:
    """Everything of one run."""

    machine: Machine = field(default_factory=this_machine)
    took_s: float = 0
    passes: list[Sequence[Pass]] = field(default_factory=list)
    updates: Updates | None = None
    live: Live | None = None


def pages(run: Run) -> Iterator[Page]:
    """Its tables."""
    if run.passes:
        seconds = ("seconds", "CPU of soloface", "CPU of PostgreSQL")
        faces = ("users who enrol", "stored faces", "numbers each")
        columns = (*faces, *seconds, "MB", "photos decided", "gained")
        yield Page("Matching again after enrolments", columns, [_passed(one) for one in run.passes])
    if run.live:
        live = run.live
        yield Page(
            "Jobs beside a pass over all faces",
            ("", "photos/s", "CPU ms", "servers' CPU ms", "matched again/s"),
            [
                _lane("jobs alone", live.alone.per_s, live.alone.cpu_ms, live.alone.servers_ms, 0),
                _lane(
                    f"beside a pass ({live.kept:.0%} of the speed)",
                    live.beside.per_s,
                    live.beside.cpu_ms,
                    live.beside.servers_ms,
                    live.rematched_per_s,
                ),
            ],
        )
    if run.updates:
        found = run.updates
        added = (found.with_ms - found.without_ms) / found.users * _MS
        yield Page(
            f"The platform's own update of {found.users:,} users, another column",
            ("with the trigger, ms", "without it, ms", "µs for each user"),
            [(f"{found.with_ms:.1f}", f"{found.without_ms:.1f}", f"{added:.1f}")],
        )


def _passed(passes: Sequence[Pass]) -> Sequence[str]:
    first = passes[0]
    return (
        f"{first.newcomers:,}",
        f"{first.faces:,}",
        f"{first.dimension}",
        f"{median(p.wall_s for p in passes):.2f}",
        f"{median(p.cpu_s for p in passes):.3f}",
        f"{median(p.database_s for p in passes):.3f}",
        f"{max(p.rss_mb for p in passes):.0f}",
        f"{sum(p.photos for p in passes) / len(passes):.0f}",
        f"{sum(p.gained for p in passes) / len(passes):.0f}",
    )


def _lane(name: str, *figures: float) -> Sequence[str]:
    return (name, *(f"{figure:.1f}" for figure in figures))


def said(run: Run) -> str:
    """What has to be known to read the tables."""
    machine = run.machine
    users = " or ".join(sorted({f"{passes[0].users:,}" for passes in run.passes}))
    limits = ", ".join(f"{name} {limit}" for name, limit in POLICY.limits.items())
    return (
        "Made-up unit vectors; seconds of the clock and of processors. "
        f"{users} users were enrolled before. The limits: {limits}. On {machine.cores} cores of "
        f"{machine.processor}; the run took {run.took_s / 60:.1f} minutes, with a load average of "
        f"{machine.load:.1f} at its start."
    )
