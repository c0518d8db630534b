"""The results as pictures. Needs matplotlib, which only those who draw have to have."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.growth import Growth
from benchmarks.results import Results, SceneResult

_DPI = 120


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw a bar chart for each scene, and the growth; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for scene in results.scenes:
        name = f"{scene.pack}-{scene.photos}".replace(" ", "-")
        drawn.append(_save(_bars(scene), folder / f"throughput-{name}.png"))
    if results.growth:
        drawn.append(_save(_curve(results.growth), folder / "growth.png"))
    return drawn


def _bars(scene: SceneResult) -> Figure:
    figure = Figure(figsize=(7, 0.4 * len(scene.lanes) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    names = list(scene.lanes)[::-1]
    for place, name in enumerate(names):
        series = scene.lanes[name]
        rates = [sample.per_s for sample in series.samples]
        axes.barh(place, series.per_s, color="#4c72b0" if "worker" in name else "#b0b0b0")
        axes.plot(rates, [place] * len(rates), "k.", markersize=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("photos per second; bars are medians, dots are rounds")
    axes.set_title(f"pack {scene.pack}, photos of {scene.photos}")
    return figure


def _curve(growth: Growth) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    rate, memory = figure.subplots(2, 1, sharex=True)
    before = growth.moments[:-1]
    after = growth.moments[1:]
    rates = [(b.photos - a.photos) / (b.at_s - a.at_s) for a, b in zip(before, after, strict=True)]
    rate.plot([moment.photos for moment in after], rates, ".-")
    rate.set_ylim(bottom=0)
    rate.set_ylabel("photos per second")
    memory.plot([m.photos for m in growth.moments], [m.rss_mb for m in growth.moments], ".-")
    memory.set_ylim(bottom=0)
    memory.set_ylabel("resident memory, MB")
    memory.set_xlabel("photos settled")
    return figure


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=_DPI)
    return path
