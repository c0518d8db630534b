"""The dashboard as a picture: each panel in its place, from what a Prometheus answers to it.

Grafana comes with no package; this draws the same series with the same titles, units and limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from tests.dashboard import Panel, Query
from tests.fixtures.prometheus import Prometheus, Series

COLUMNS = 24
COLUMN_INCHES, ROW_INCHES, DPI = 0.8, 0.42, 80
POINTS = 150
COLOURS = (
    "#3f8f5b", "#d8a031", "#4878a8", "#c8553d", "#7d5ba6", "#5aa7a7",
    "#b0668f", "#8a8a8a", "#2f4b7c", "#a3b86c", "#8c5a3c", "#e08fb0",
)  # fmt: skip
SHADES = {"green": "#3f8f5b", "yellow": "#d8a031", "red": "#c8553d"}
INK, FAINT, PAPER, GROUND = "#24292e", "#9aa0a6", "#ffffff", "#eef0f2"


@dataclass(frozen=True, slots=True)
class Window:
    """What a Prometheus knows of the time between two moments, in seconds since 1970."""

    server: Prometheus
    began: float
    ended: float

    def ask(self, query: Query) -> list[Series]:
        """The series of a query, over the whole time or at its end."""
        if query.is_instant:
            return self.server.series(query.expression, self.ended, self.ended, 1)
        step_s = max(0.5, (self.ended - self.began) / POINTS)
        return self.server.series(query.expression, self.began, self.ended, step_s)

    def since(self, times: Iterable[float]) -> list[float]:
        """Seconds since the beginning."""
        return [time - self.began for time in times]

    def named(self, panel: Panel) -> list[tuple[str, Series]]:
        """All series of a panel, with what its legend calls them."""
        return [
            (query.name(series.labels), series)
            for query in panel.queries
            for series in self.ask(query)
        ]


def draw(panels: Iterable[Panel], window: Window, path: Path) -> None:
    """Draw the dashboard as a PNG."""
    placed = list(panels)
    rows = max(panel.place.y + panel.place.h for panel in placed)
    figure = Figure((COLUMNS * COLUMN_INCHES, rows * ROW_INCHES), dpi=DPI, facecolor=GROUND)
    grid = figure.add_gridspec(
        rows, COLUMNS, left=0.005, right=0.995, top=0.997, bottom=0.003, wspace=0, hspace=0
    )
    for panel in placed:
        place = panel.place
        spec = grid[place.y : place.y + place.h, place.x : place.x + place.w]
        DRAWN[panel.kind](figure.add_subfigure(spec, facecolor=GROUND), panel, window)
    figure.savefig(path)


def _heading(part: SubFigure, panel: Panel, _: Window) -> None:
    part.text(0.004, 0.3, panel.title, fontsize=13, fontweight="bold", color=INK)


def _axes(part: SubFigure, panel: Panel, *, left_inches: float = 0.8, right: float = 0.97) -> Axes:
    """A frame with the panel's title and a place to draw in."""
    inches = panel.place.w * COLUMN_INCHES
    board = part.add_axes((0.006, 0.012, 0.988, 0.976), facecolor=PAPER)
    board.set(xticks=[], yticks=[])
    board.spines[:].set_color("#d5d9dd")
    part.text(0.16 / inches, 1 - 0.09 * 8 / panel.place.h, panel.title, fontsize=10, color=INK)
    low = 0.13 * 8 / panel.place.h
    left = left_inches / inches
    axes = part.add_axes((left, low, right - left, 1 - low - 0.15))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7.5, colors=INK)
    return axes


def _stat(part: SubFigure, panel: Panel, window: Window) -> None:
    values = [series.last for _, series in window.named(panel)]
    value = values[0] if values else nan
    board = part.add_axes((0.012, 0.03, 0.976, 0.94), facecolor=_shade(panel, value))
    board.set(xticks=[], yticks=[])
    board.spines[:].set_visible(False)
    part.text(0.05, 0.8, panel.title, fontsize=10, color="white")
    shown = in_unit(value, panel.unit, panel.decimals)
    part.text(0.5, 0.4, shown, fontsize=24, color="white", ha="center", va="center")


def _lines(part: SubFigure, panel: Panel, window: Window) -> None:
    axes = _axes(part, panel, right=0.97 if panel.has_legend_below else 0.7)
    below: dict[float, float] = {}
    for number, (name, series) in enumerate(window.named(panel)):
        colour = COLOURS[number % len(COLOURS)]
        times, values = series.times, series.values
        if panel.is_stacked:
            under = [below.get(time, 0) for time in times]
            values = [a + (0 if isnan(b) else b) for a, b in zip(under, values, strict=True)]
            axes.fill_between(
                window.since(times), under, values, color=colour, alpha=0.4, linewidth=0
            )
            below.update(zip(times, values, strict=True))
        label = f"{name}  {in_unit(series.last, panel.unit, panel.decimals)}"
        axes.plot(window.since(times), values, color=colour, linewidth=1.2, label=label)
    _dress(axes, panel, window)
    if not axes.has_data():
        return
    axes.set_ylim(*panel.limits)
    axes.grid(axis="y", alpha=0.25)
    axes.locator_params(axis="y", nbins=6, integer=panel.decimals == 0)
    axes.yaxis.set_major_formatter(lambda value, _: in_unit(value, panel.unit, None))
    if panel.has_legend_below:
        axes.legend(loc="lower left", fontsize=7.5, frameon=False)
    else:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1.05), fontsize=7.5, frameon=False)


def _heat(part: SubFigure, panel: Panel, window: Window) -> None:
    """Buckets count what is at most their edge; drawn is what each has beyond the one before."""
    axes = _axes(part, panel)
    found = sorted(
        (float(name.replace("+Inf", "inf")), series) for name, series in window.named(panel)
    )
    times = sorted({time for _, series in found for time in series.times})
    counts = np.array([[dict(series.points).get(time, 0) for time in times] for _, series in found])
    if len(times) > 1:
        each = np.diff(counts, axis=0, prepend=0)
        axes.pcolormesh(
            window.since([*times, 2 * times[-1] - times[-2]]),
            np.arange(len(found) + 1),
            np.where(each > 0, each, nan),
            cmap="YlOrRd",
        )
    names = ["" if edge == inf else f"{edge:g}" for edge, _ in found]
    axes.set_yticks(np.arange(1, len(found) + 1), names)
    _dress(axes, panel, window)


def _states(part: SubFigure, panel: Panel, window: Window) -> None:
    axes = _axes(part, panel, left_inches=1.4)
    named = window.named(panel)
    for row, (_, series) in enumerate(named):
        shades = [_shade(panel, value) for value in series.values]
        edges = window.since([*series.times, window.ended])
        spans = [(begin, end - begin) for begin, end in pairwise(edges)]
        axes.broken_barh(spans, (row - 0.4, 0.8), color=shades)
    axes.set_yticks(range(len(named)), [name for name, _ in named])
    _dress(axes, panel, window)


def _table(part: SubFigure, panel: Panel, window: Window) -> None:
    axes = _axes(part, panel)
    axes.set_axis_off()
    for _, series in window.named(panel):
        shown = {name: value for name, value in series.labels.items() if name not in panel.hidden}
        for row, (name, value) in enumerate(shown.items()):
            axes.text(0, 1 - 0.12 * row, name, fontsize=8, fontweight="bold", va="top")
            axes.text(0.3, 1 - 0.12 * row, value, fontsize=8, va="top")


DRAWN: dict[str, Callable[[SubFigure, Panel, Window], None]] = {
    "row": _heading,
    "stat": _stat,
    "timeseries": _lines,
    "heatmap": _heat,
    "state-timeline": _states,
    "table": _table,
}


def _shade(panel: Panel, value: float) -> str:
    """The colour that a panel's thresholds give to a value."""
    steps = panel.thresholds or ((-inf, "green"),)
    return next((SHADES[name] for least, name in reversed(steps) if value >= least), FAINT)


def in_unit(value: float, unit: str, decimals: int | None) -> str:
    """A value as Grafana writes it."""
    if isnan(value):
        return "no data"
    match unit:
        case "percentunit":
            return f"{100 * value:.3g}%"
        case "s":
            return f"{1000 * value:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
        case "bytes":
            return f"{value / 2**20:.4g} MiB"
    number = f"{value:.3g}" if decimals is None else f"{value:.{decimals}f}"
    return f"{number} {unit.removeprefix('suffix:')}" if unit.startswith("suffix:") else number


def _dress(axes: Axes, panel: Panel, window: Window) -> None:
    if not axes.has_data():
        axes.text(0.5, 0.5, panel.no_value, transform=axes.transAxes, ha="center", color=FAINT)
        axes.set(xticks=[], yticks=[])
        return
    axes.set_xlim(0, window.ended - window.began)
    axes.locator_params(axis="x", nbins=4 if panel.place.w <= 8 else 8)
    axes.xaxis.set_major_formatter(lambda at, _: f"{at:g} s")
