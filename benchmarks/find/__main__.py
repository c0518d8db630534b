"""``python -m benchmarks.find``: photos a second of `POST /v1/find`, beside the bare loop."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.feed.listener import percentiles
from benchmarks.find.lane import FindLane
from benchmarks.lanes import BareLane
from benchmarks.measure import Lane, Sample, Series, cpu_ratio, ratio, take_turns
from benchmarks.photos import SIZES, make_photos
from benchmarks.report import Page, require_place, said, tell_pages
from benchmarks.results import Machine, this_machine
from benchmarks.serving import serving
from benchmarks.stage import Site, build_site
from connectors.embedded import Servers
from dataflow.faces.packs.install import install_pack
from dataflow.process.cores import usable_cores
from dataflow.settings import OPEN_PACK

PLACE = "measured: find"
GOAL = 0.8
"""Photos a second of many clients, as a share of the bare loop's."""

_ONE = "find, one client"

console = Console()


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: sizes of photos, rounds, and seconds of each."""

    photos: tuple[str, ...]
    rounds: int
    round_s: float


NAMED = {
    "smoke": Size(("500 px",), rounds=1, round_s=0.5),
    "default": Size(("500 px", "2 MP", "12 MP"), rounds=5, round_s=4),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One size of photos: the lanes, and how long the answers took, in seconds."""

    photos: str
    lanes: Mapping[str, Series]
    seconds: Mapping[str, list[float]]


@dataclass(slots=True)
class Results:
    """Everything of one run."""

    size: str
    machine: Machine = field(default_factory=this_machine)
    took_s: float = 0
    found: list[Found] = field(default_factory=list)


class _Timed:
    """A lane that keeps the seconds of all rounds that count."""

    def __init__(self, lane: FindLane) -> None:
        self._lane = lane
        self._rounds: list[list[float]] = []

    def round(self, photos: int) -> Sample:
        """Ask about so many photos."""
        sample = self._lane.round(photos)
        self._rounds.append(self._lane.seconds)
        return sample

    def seconds(self, rounds: int) -> list[float]:
        """Of the last so many rounds: those before were to warm up."""
        return [seconds for one in self._rounds[-rounds:] for seconds in one]


def measure(name: str, size: Size) -> Results:
    """Measure all of it, one size after the other."""
    began, results = time.perf_counter(), Results(name)
    with tempfile.TemporaryDirectory(prefix="soloface-bench-") as folder, Servers() as servers:
        root = Path(folder, "models")
        root.mkdir()
        install_pack(OPEN_PACK, root)
        site = build_site(servers, OPEN_PACK, root)
        for photos in size.photos:
            results.found.append(_measured(site, Path(folder, photos), photos, size))
    results.took_s = time.perf_counter() - began
    return results


def _measured(site: Site, folder: Path, photos: str, size: Size) -> Found:
    files = [path.read_bytes() for path in make_photos(folder, SIZES[photos])]
    with ExitStack() as stack, Progress(transient=True) as bar:
        process = stack.enter_context(serving(site.variables))
        loop = BareLane("loop", folder, site.variables)
        stack.callback(loop.close)
        # Twice as many as compute: while one answer travels, the next photo is there.
        many = 2 * usable_cores()
        finds = {
            f"find, {many} clients": _Timed(FindLane(site, process, files, many)),
            _ONE: _Timed(FindLane(site, process, files, 1)),
        }
        lanes: dict[str, Lane] = {"loop": loop, **finds}
        task = bar.add_task(photos, total=len(lanes) * (size.rounds + 1))
        series = take_turns(lanes, size.rounds, size.round_s, lambda: bar.advance(task))
        seconds = {name: lane.seconds(size.rounds) for name, lane in finds.items()}
    return Found(photos, series, seconds)


def pages(results: Results) -> Iterator[Page]:
    """A table for each size of photos, and what was to be reached."""
    columns = ("", "photos/s", "p50", "p99", "CPU ms", "servers' CPU ms", "x loop", "by CPU")
    for found in results.found:
        yield Page(f"Photos of {found.photos}", columns, list(_rows(found)))
    goals = [
        (
            f"find / loop, {found.photos}",
            f"≥ {GOAL:g}",
            f"{reached(found):.2f}",
            "yes" if reached(found) >= GOAL else "NO",
        )
        for found in results.found
    ]
    yield Page("The goal", ("", "goal", "measured", "met"), goals)


def reached(found: Found) -> float:
    """Photos a second of many clients, as a share of the loop's."""
    (many,) = found.seconds.keys() - {_ONE}
    return ratio(found.lanes[many], found.lanes["loop"])


def _rows(found: Found) -> Iterator[tuple[str, ...]]:
    loop = found.lanes["loop"]
    for name, series in found.lanes.items():
        row = [name, f"{series.per_s:.1f}"]
        if seconds := found.seconds.get(name):
            row += [f"{ms:.0f} ms" for ms in percentiles(seconds)]
            row += [f"{series.cpu_ms:.1f}", f"{series.servers_ms:.1f}"]
            row += [f"{ratio(series, loop):.2f}", f"{cpu_ratio(series, loop):.2f}"]
        else:
            row += ["", "", f"{series.cpu_ms:.1f}", "", "1.00", "1.00"]
        yield tuple(row)


def main(
    size: Annotated[str, typer.Option(help=" | ".join(NAMED))] = "default",
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables into their place on this page.")
    ] = None,
) -> None:
    """Measure `POST /v1/find` with a real server, over HTTP."""
    if size not in NAMED:
        raise typer.BadParameter(f"--size is {' or '.join(NAMED)}")
    require_place(markdown, PLACE)
    results = measure(size, NAMED[size])
    text = said(size, results.machine, results.took_s)
    tell_pages(text, list(pages(results)), console, markdown, PLACE)


if __name__ == "__main__":
    typer.run(main)
