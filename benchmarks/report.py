"""The results as tables, for a terminal and for a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.figures import figures
from benchmarks.measure import cpu_ratio, ratio
from benchmarks.results import Machine, Results

_VERDICTS = {True: "yes", False: "NO", None: ""}


@dataclass(frozen=True, slots=True)
class Page:
    """A table with its title; the first column is text, the others are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def pages(results: Results) -> Iterator[Page]:
    """All tables for which there is anything, the seven figures last."""
    yield from _scenes(results)
    if results.rates:
        rows = [
            (name, f"{s.per_s:.0f}", f"{s.cpu_ms:.2f}", f"{s.servers_ms:.2f}")
            for name, s in results.rates.items()
        ]
        yield Page("Plumbing", ("", "jobs/s", "CPU ms", "servers' CPU ms"), rows)
    if results.startups:
        rows = [
            (s.pack, f"{s.first_settled_s:.2f}", f"{100 * s.idle_cpu:.1f}", f"{s.rss_mb:.0f}")
            for s in results.startups
        ]
        yield Page("Start and idle", ("", "first job s", "idle % of a core", "RSS MB"), rows)
    yield from _threads(results)
    yield from _answers(results)
    if results.growth:
        yield _growth(results)
    rows = [
        (
            f"{figure.number}. {figure.what}",
            "" if figure.goal is None else f"{'≤' if figure.at_most else '≥'} {figure.goal:g}",
            f"{figure.measured:.2f} {figure.unit}".strip(),
            _VERDICTS[figure.met],
        )
        for figure in figures(results)
    ]
    if rows:
        yield Page("The figures to reach", ("", "goal", "measured", "met"), rows)


def _scenes(results: Results) -> Iterator[Page]:
    columns = ("", "photos/s", "CPU ms", "servers' CPU ms", "x loop", "x loop by CPU")
    for scene in results.scenes:
        loop = scene.lanes["loop"]
        rows = [
            (
                name,
                f"{series.per_s:.1f}",
                f"{series.cpu_ms:.1f}",
                f"{series.servers_ms:.1f}" if series.servers_ms else "",
                f"{ratio(series, loop):.2f}",
                f"{cpu_ratio(series, loop):.2f}",
            )
            for name, series in scene.lanes.items()
        ]
        yield Page(f"Pack {scene.pack}, photos of {scene.photos}", columns, rows)


def _threads(results: Results) -> Iterator[Page]:
    if found := results.threads:
        columns = ("", *(f"{one.pack}, {one.photos}" for one in found))
        rows = [
            (name, *(f"{one.ms.get(name, 0):.2f}" for one in found))
            for name in sorted(found[0].ms, key=lambda name: -found[0].ms[name])
        ]
        yield Page("The worker's CPU ms per photo, by thread", columns, rows)


def _answers(results: Results) -> Iterator[Page]:
    for found in results.answers:
        rows = [
            ("number of faces right", *(f"{n} of {found.labelled}" for n in found.counts_right))
        ]
        for name in ("auc", "eer"):
            both = (getattr(found.fast, name), getattr(found.plain, name))
            cells = [f"{i.value:.4f} [{i.low:.4f}, {i.high:.4f}]" for i in both]
            rows.append((f"verification {name.upper()}", *cells))
        same = f"{found.same_count} of {found.photos}"
        rows.append(("same number of faces (0, 1, more)", same, ""))
        same = f"{found.same_decision} of {found.pairs}"
        rows.append(("same decision on a pair", same, ""))
        mean, low = found.similarity
        rows.append(("cosine of both vectors: mean, 5 %", f"{mean:.3f}, {low:.3f}", ""))
        yield Page(f"Same answers, pack {found.pack}", ("", "fast", "plain"), rows)


def _growth(results: Results) -> Page:
    growth = results.growth
    assert growth  # noqa: S101 - asked before
    rows = [
        (
            f"{moment.photos}",
            f"{moment.at_s:.1f}",
            f"{moment.rss_mb:.0f}",
            f"{moment.files}",
            f"{moment.connections}",
        )
        for moment in growth.moments
    ]
    rows.append(
        ("speed of the last tenth / first tenth", f"{growth.last_to_first:.3f}", "", "", "")
    )
    rows.append(("memory growth, MB per 1,000 photos", "", f"{growth.rss_slope:.2f}", "", ""))
    title = f"{growth.queued:,} jobs queued, {growth.users:,} users"
    return Page(title, ("photos", "s", "RSS MB", "files", "connections"), rows)


def show(results: Results, console: Console) -> None:
    """Print everything."""
    machine = said(results.size, results.machine, results.took_s)
    show_pages(machine, pages(results), console)


def show_pages(text: str, tables: Iterable[Page], console: Console) -> None:
    """Print tables, and a text below them."""
    for page in tables:
        table = Table(*page.columns, title=page.title, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for row in page.rows:
            table.add_row(*row)
        console.print(table)
    console.print(text)


def tell_pages(
    text: str, tables: Sequence[Page], console: Console, markdown: Path | None, place: str
) -> None:
    """Print tables and a text, and put them into their place on a page, where one is given."""
    show_pages(text, tables, console)
    if markdown:
        write_pages(text, tables, markdown, place)


def said(size: str, machine: Machine, took_s: float) -> str:
    """Where it was measured, and how long that took."""
    return (
        f"Size {size}, {took_s / 60:.1f} minutes, on {machine.cores} cores of "
        f"{machine.processor}, Python {machine.python}; load average at the start "
        f"{machine.load:.1f}."
    )


def write_markdown(results: Results, page: Path) -> None:
    """Put everything between the marks of a page; growth, which is a run of its own, has others."""
    text = said(results.size, results.machine, results.took_s)
    if results.growth:
        write_pages(text, [_growth(results)], page, "measured: growth")
    if others := list(pages(replace(results, growth=None))):
        write_pages(text, others, page)


def write_pages(
    introduction: str, tables: Iterable[Page], page: Path, place: str = "measured"
) -> None:
    """Put tables between the marks of a place on a page, and a text above them.

    Raises:
        ValueError: the page has no such place.
    """
    text = page.read_text(encoding="utf-8")
    if not has_place(page, place):
        raise ValueError(f"{page} has no place for <!-- {place} --> … <!-- end -->")
    parts = [introduction]
    for table in tables:
        rule = ["---", *["---:"] * (len(table.columns) - 1)]
        lines = [f"| {' | '.join(row)} |" for row in (table.columns, rule, *table.rows)]
        parts.append(f"### {table.title}\n\n" + "\n".join(lines))
    measured = f"<!-- {place} -->\n" + "\n\n".join(parts) + "\n<!-- end -->"
    page.write_text(_marked(place).sub(lambda _: measured, text), encoding="utf-8")


def require_place(page: Path | None, place: str) -> None:
    """Refuse a page without the marks of a place, before anything is measured.

    Raises:
        typer.BadParameter: there is no such page, or :func:`write_pages` could not write to it.
    """
    if page and not (page.is_file() and has_place(page, place)):
        raise typer.BadParameter(f"{page} has no place for <!-- {place} --> … <!-- end -->")


def has_place(page: Path, place: str) -> bool:
    """Whether a page has the marks between which :func:`write_pages` puts something."""
    return _marked(place).search(page.read_text(encoding="utf-8")) is not None


def _marked(place: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- {re.escape(place)} -->\n.*?<!-- end -->", re.DOTALL)
