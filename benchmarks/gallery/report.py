"""What a run of the benchmark came to, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.gallery.chosen import Result, extrapolated
from benchmarks.gallery.comparison import Compared, Comparison
from benchmarks.gallery.crowds import Kind
from benchmarks.gallery.inside import Inside
from benchmarks.gallery.line import Built, Line
from benchmarks.gallery.ways import GRAPH_PROCESSES
from benchmarks.report import Page
from benchmarks.results import Machine, this_machine
from connectors.postgres.gallery.proof import BATCH
from dataflow.gallery.search import TARGET_RECALL

_LINE = ("recall@1 (95 % from)", "p50, p99 ms", "CPU ms", "with the worker's")
_BUILT = ("build s (CPU s)", "MB")


@dataclass(slots=True)
class Run:
    """Everything of one run: sizes, or comparisons of all ways to search them.

    So many ``faces`` are searched for; a way to be compared has ``limit_s`` to be built. With
    ``members`` it is searched inside galleries of so many instead.
    """

    kind: Kind
    dimension: int
    comparing: bool
    faces: int
    hard: bool = False
    limit_s: float = 0
    versions: str = ""
    machine: Machine = field(default_factory=this_machine)
    took_s: float = 0
    sizes: list[Result] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    members: int | None = None
    inside: list[Inside] = field(default_factory=list)

    @property
    def case(self) -> str:
        """What is searched, in short."""
        return f"{self.kind} {self.dimension}{' hard' if self.hard else ''}"

    @property
    def place(self) -> str:
        """The name of its place on a page."""
        what = "alternatives" if self.comparing else "members" if self.members else "sizes"
        return f"measured: {what} {self.case}"


def pages(run: Run) -> Iterator[Page]:
    """Its tables."""
    if run.sizes:
        rows = [row for result in run.sizes for row in _size(result)]
        title = f"The exact search, and what soloface chooses: {run.case}"
        yield Page(title, ("users", "looked through", *_LINE, *_BUILT), rows)
    if run.inside:
        rows = [
            (f"{one.users:,}", line.setting, *_line(line))
            for one in run.inside
            for line in one.lines
        ]
        title = f"Inside galleries of {run.members:,} members: {run.case}"
        yield Page(title, ("users", "searched", *_LINE), rows)
    for comparison in run.comparisons:
        rows = [_compared(one) for one in comparison.lines]
        title = f"{comparison.users:,} users, every way to search: {run.case}"
        yield Page(title, ("search", *_BUILT, "setting", *_LINE), rows)


def _size(result: Result) -> Iterator[Sequence[str]]:
    chosen = result.chosen
    if not result.is_exact:
        yield (f"{result.users:,}", result.exact.setting, *_line(result.exact), *_built(None))
    setting = f"{chosen.setting} (chosen)"
    yield (f"{result.users:,}", setting, *_line(chosen), *_built(result.index))
    if result.remembered:
        read, line = result.remembered
        yield (f"{result.users:,}", line.setting, *_line(line), *_built(read))


def _compared(one: Compared) -> Sequence[str]:
    found = (
        (one.line.setting, *_line(one.line))
        if one.line
        else (one.missing or "", *[""] * len(_LINE))
    )
    return (one.name, *_built(one.built), *found)


def _line(line: Line) -> Sequence[str]:
    return (
        f"{line.recall:.1%} ({line.recall_low:.1%})",
        f"{line.p50_ms:.1f}, {line.p99_ms:.1f}",
        _ms(line.cpu_ms),
        _ms(line.cpu_ms + line.own_ms),
    )


def _ms(time_ms: float) -> str:
    return f"{time_ms:.2f}" if time_ms < 1 else f"{time_ms:.1f}"


def _built(built: Built | None) -> Sequence[str]:
    if built is None:
        return ("", "")
    return (f"{built.wall_s:.0f} ({built.cpu_s:.0f})", f"{built.mb:.0f}")


def said(run: Run) -> str:
    """What has to be known to read the tables."""
    return " ".join([_circumstances(run), *_remarks(run)])


def _circumstances(run: Run) -> str:
    machine = run.machine
    similarities = [one.nearest_other for one in run.sizes]
    similarities += [one.nearest_other for one in run.comparisons]
    return (
        f"{run.faces} faces in batches of {BATCH}; times are per face, CPU is the database's, and "
        f"then with the worker's. {run.versions}, on "
        f"{machine.cores} cores of {machine.processor}; the run took {run.took_s / 60:.1f} "
        f"minutes, with a load average of {machine.load:.1f} at its start."
    ) + (
        " The greatest cosine similarity of a face to another user than its own: "
        f"{', '.join(f'{similarity:.2f}' for similarity in similarities)}."
        if similarities
        else ""
    )


def _remarks(run: Run) -> Iterator[str]:
    if run.comparisons:
        yield (
            f"Each row shows the smallest setting that finds {TARGET_RECALL:.0%}, or else the "
            f"largest one tried. Each index had {run.limit_s:g} s to be built: graphs (HNSW, with "
            f"m and ef_construction) by {GRAPH_PROCESSES} processes, lists (IVFFlat) by one, as "
            "soloface builds them. A search in half precision or by signs gives candidates, which "
            "are then compared exactly."
        )
    for result in run.sizes:
        if result.objection:
            yield (
                f"With {result.users:,} users soloface kept the exact search, because "
                f"{result.objection}."
            )
    if guess := extrapolated(run.sizes):
        yield guess
