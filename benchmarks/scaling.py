"""``python -m benchmarks.scaling``: ways to scale, what a photo costs each part, and what follows.

Everything is measured on real servers, as docs/scaling.md explains; the page's tables are written
by ``--markdown docs/scaling.md``.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import isclose
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks import unit_costs, ways
from benchmarks.capacity import Need, Plan, needs
from benchmarks.lanes import WorkerLane
from benchmarks.measure import Series, cpu_ratio, ratio, take_turns
from benchmarks.photos import SIZES, make_photos
from benchmarks.report import Page, said, show_pages, write_pages
from benchmarks.results import Machine, this_machine
from benchmarks.stage import INSIGHTFACE_FOLDER, build_site
from benchmarks.unit_costs import Task, UnitCosts
from benchmarks.ways import ONE_CORE, WAYS, free_ports
from connectors.embedded import Servers
from dataflow.faces.packs.install import install_pack
from dataflow.settings import OPEN_PACK

_MB = 1e6

console = Console()


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured, on photos of one size.

    Each way settles jobs for ``rounds`` of ``round_s`` seconds. Costs are the average over ``jobs``
    and ``letters``; searched is among ``users``.
    """

    photos: str
    rounds: int
    round_s: float
    jobs: int
    letters: int
    users: int


NAMED = {
    "smoke": Size("500 px", rounds=1, round_s=0.3, jobs=64, letters=4, users=500),
    "default": Size("2 MP", rounds=5, round_s=8, jobs=1500, letters=50, users=10_000),
}


@dataclass(slots=True)
class Results:
    """Everything of one run; ``costs`` by pack."""

    size: str
    photos: str
    photo_bytes: float
    plan: Plan
    machine: Machine = field(default_factory=this_machine)
    took_s: float = 0
    ways: Mapping[str, Series] = field(default_factory=dict)
    costs: dict[str, UnitCosts] = field(default_factory=dict)


def measure(name: str, size: Size, plan: Plan, progress: Progress) -> Results:
    """Measure the ways with the `open` pack, and the costs with every pack that there is."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="soloface-bench-") as folder, Servers() as servers:
        photos = make_photos(Path(folder, "photos"), SIZES[size.photos])
        sizes = [path.stat().st_size for path in photos]
        results = Results(name, size.photos, sum(sizes) / len(sizes), plan)
        root = Path(folder, "models")
        root.mkdir()
        install_pack(OPEN_PACK, root)
        packs = _packs()
        steps = len(WAYS) * (size.rounds + 1) + len(packs)
        doing = progress.add_task("ways to scale", total=steps)

        def done() -> None:
            progress.advance(doing)

        for pack, named in packs.items():
            site = build_site(servers, named, root)
            keys = site.upload(photos)
            if pack == OPEN_PACK:
                with ways.lanes(site, keys) as lanes:
                    results.ways = take_turns(lanes, size.rounds, size.round_s, done)
            progress.update(doing, description=f"unit costs, {pack}")
            task = Task(keys, size.jobs, size.letters, size.users)
            # As in production, where somebody looks at its metrics.
            worker = partial(WorkerLane, METRICS_PORT=str(free_ports(1)[0]))
            results.costs[pack] = unit_costs.measure(site, task, worker)
            done()
    results.took_s = time.perf_counter() - began
    return results


def _packs() -> dict[str, str]:
    """Their names, and what SOLOFACE_MODEL__PACK is for them."""
    insightface = os.environ.get(INSIGHTFACE_FOLDER)
    more = {f"insightface ({Path(insightface).name})": insightface} if insightface else {}
    return {OPEN_PACK: OPEN_PACK, **more}


def pages(results: Results) -> Iterator[Page]:
    """The tables."""
    packs = ("", *results.costs)
    one = results.ways[ONE_CORE]
    rows = [
        (
            way,
            f"{series.per_s:.1f}",
            f"{series.cpu_ms:.1f}",
            f"{series.servers_ms:.1f}",
            f"{ratio(series, one):.2f}",
            f"{cpu_ratio(series, one):.2f}",
        )
        for way, series in results.ways.items()
    ]
    columns = ("", "photos/s", "CPU ms", "servers' CPU ms", "x one core", "x one core by CPU")
    yield Page(f"Ways to use two cores, pack {OPEN_PACK}, {results.photos}", columns, rows)
    costs = results.costs.values()
    yield Page("What a photo costs", packs, _side_by_side([_cost_rows(cost) for cost in costs]))
    needed = [[_need_row(need) for need in needs(cost, results.plan)] for cost in costs]
    hourly = f"{results.plan.photos_per_hour:,} photos an hour"
    yield Page(hourly, packs, _side_by_side(needed))


Row = tuple[str, str]


def _side_by_side(columns: Sequence[Sequence[Row]]) -> list[tuple[str, ...]]:
    """Rows of the same names, with a figure of each column."""
    return [(cells[0][0], *(figure for _, figure in cells)) for cells in zip(*columns, strict=True)]


def _need_row(need: Need) -> Row:
    amount = "" if need.unit == "" else f" {need.unit}"
    return f"{need.part}: {need.what}", f"{rounded(need.amount)}{amount}"


def _cost_rows(costs: UnitCosts) -> list[Row]:
    worker, stream, base, store = costs.worker, costs.jetstream, costs.postgres, costs.store
    figures: list[tuple[str, float]] = [
        ("worker: CPU, ms", worker.cpu_ms),
        (f"worker: memory of a process that computes on {worker.cores} cores, MB", worker.rss_mb),
        ("store: requests", store.requests),
        ("store: bytes on the wire", store.wire_bytes),
        ("JetStream: CPU when a job is published, ms", stream.publish_cpu_ms),
        ("JetStream: CPU for a job's delivery, acknowledgement and event, ms", stream.cpu_ms),
        ("JetStream: messages on the worker's connection", stream.messages),
        ("JetStream: bytes on the worker's connection", stream.wire_bytes),
        ("JetStream: bytes kept of a job, until it is settled", stream.job_bytes),
        ("JetStream: bytes kept of an event", stream.event_bytes),
        ("JetStream: bytes kept of a dead letter", stream.letter_bytes),
        ("PostgreSQL: CPU without the search, ms", base.cpu_ms),
        (f"PostgreSQL: CPU of the exact search among {base.users:,} users, ms", base.search_cpu_ms),
        ("PostgreSQL: write-ahead log, bytes", base.wal_bytes),
        ("PostgreSQL: rows", base.rows),
        ("PostgreSQL: bytes kept, tables and indexes", base.kept_bytes),
        ("PostgreSQL: bytes on the wire", base.wire_bytes),
        ("PostgreSQL: photos in one transaction", base.batch),
        ("PostgreSQL: connections of a process", base.connections),
    ]
    return [(name, rounded(figure)) for name, figure in figures]


def rounded(figure: float) -> str:
    """With the digits that count, three at most before a comma is needed."""
    whole = isclose(figure, round(figure))
    for least, form in ((100, ",.0f"), (10, ".1f"), (1, ".2f")):
        if abs(figure) >= least:
            return format(figure, ",.0f" if whole else form)
    return format(figure, ".0f" if whole else ".2g")


def introduction(results: Results) -> str:
    """What was measured where, and what is assumed."""
    plan = results.plan
    return (
        f"{said(results.size, results.machine, results.took_s)}\n\n"
        f"Photos of {results.photos}, {results.photo_bytes / _MB:.2f} MB each on average. "
        f"We assume {plan.photos_per_hour:,} of them an hour, {plan.per_s:.0f} a second; a backlog "
        f"of jobs from {rounded(plan.outage_h)} hours; streams with {plan.replicas} replicas; "
        f"{100 * plan.rejected:.0f} % of the jobs rejected; a reserve of {100 * plan.spare:.0f} % "
        f"more workers than are busy; and a store that takes {plan.fetch_ms:.0f} ms for a photo."
    )


def main(  # noqa: PLR0913, PLR0917 - a command's parameters are its options
    size: Annotated[str, typer.Option(help=" | ".join(NAMED))] = "default",
    photos: Annotated[str | None, typer.Option(help=" | ".join(SIZES))] = None,
    photos_per_hour: Annotated[int, typer.Option(min=1, help="To plan for.")] = 1_000_000,
    outage_hours: Annotated[float, typer.Option(help="How long jobs may pile up.")] = 4,
    json: Annotated[Path | None, typer.Option(help="Write the results there.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables between the marks of this page.")
    ] = None,
) -> None:
    """Measure ways to scale and unit costs; say what so many photos an hour need."""
    if size not in NAMED or photos not in {None, *SIZES}:
        raise typer.BadParameter(f"--size is {', '.join(NAMED)}; --photos is {', '.join(SIZES)}")
    measured = replace(NAMED[size], photos=photos or NAMED[size].photos)
    plan = Plan(photos_per_hour=photos_per_hour, outage_h=outage_hours)
    with Progress(console=console) as progress:
        results = measure(size, measured, plan, progress)
    show_pages(introduction(results), pages(results), console)
    if json:
        json.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    if markdown:
        write_pages(introduction(results), pages(results), markdown)


if __name__ == "__main__":
    typer.run(main)
