"""A calibration as pictures: the distances of both kinds of pairs, and the DET curve."""

from __future__ import annotations

from io import BytesIO
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from dataflow.gallery.calibration import Distances, Pairs
from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.output import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GENUINE, IMPOSTOR, MARK = "#00796b", "#b0413e", "#37474f"
_RATES = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4)
_SIZE_INCHES = (7, 4.2)
_DPI = 110


def draw_distances(pairs: Pairs, threshold: float, title: str) -> bytes:
    """Histograms of the distances, as PNG."""
    figure, axes = new_figure()
    reach = max(1.2, float(pairs.impostor.max()) if len(pairs.impostor) else 0)
    edges = np.linspace(0, reach, 61).tolist()
    for values, label, colour in (
        (pairs.genuine, f"one person ({counted(len(pairs.genuine), 'pair')})", GENUINE),
        (pairs.impostor, f"different people ({counted(len(pairs.impostor), 'pair')})", IMPOSTOR),
    ):
        weights = np.full(len(values), 100 / max(1, len(values)))
        axes.hist(values, edges, weights=weights, label=label, color=colour, alpha=0.65)
    axes.axvline(threshold, color=MARK, linestyle="--", label=f"shipped threshold {threshold:.2f}")
    axes.set(xlabel="cosine distance of two photos", ylabel="% of the pairs", title=title)
    axes.legend(frameon=False)
    return as_png(figure)


def draw_det(pairs: Pairs, threshold: float, title: str) -> bytes:
    """The trade between both errors, on axes that make normal distributions straight, as PNG."""
    figure, axes = new_figure()
    _, far, frr = pairs.curve()
    floor = 0.5 / max(1, len(pairs.impostor))
    axes.plot(deviates(far, floor), deviates(frr, 0.5 / max(1, len(pairs.genuine))), color=GENUINE)
    shipped = pairs.at(threshold)
    axes.plot(
        deviates(np.array([shipped.far.value]), floor),
        deviates(np.array([1 - shipped.tar.value]), 0.5 / max(1, len(pairs.genuine))),
        "o",
        color=MARK,
        label=f"shipped threshold {threshold:.2f}",
    )
    if pairs.least_far < max(_RATES):
        limit = float(deviates(np.array([pairs.least_far]), floor)[0])
        left = float(deviates(np.array([floor]), floor)[0]) - 1
        axes.axvspan(left, limit, color=MARK, alpha=0.08, label="too few pairs to tell")
    lay_out_det(axes)
    axes.set_title(title)
    axes.legend(frameon=False)
    return as_png(figure)


def lay_out_det(axes: Axes) -> None:
    """Ticks, names and a grid for a DET curve, whose values are deviates."""
    ticks = deviates(np.array(_RATES), 0).tolist()
    names = [f"{rate:.2%}".replace(".00", "") for rate in _RATES]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    low, high = ticks[0] - 0.3, ticks[-1] + 0.3
    axes.set(
        xlim=(low, high),
        ylim=(low, high),
        xlabel="FAR: different people taken for one",
        ylabel="FRR: one person not recognised",
    )
    axes.grid(alpha=0.3)


def new_figure() -> tuple[Figure, Axes]:
    """An empty picture.

    Raises:
        ConfigurationError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ConfigurationError(
            "plots are drawn by matplotlib; install the extra soloface[plots], or leave --out away"
        ) from None
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def as_png(figure: Figure) -> bytes:
    """The picture as the bytes of a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def deviates(rates: Distances, floor: float) -> Distances:
    """Rates as deviates of the normal distribution; those below the floor count as the floor."""
    normal = NormalDist()
    least = max(floor, 1e-6)
    return np.array([normal.inv_cdf(min(1 - 1e-6, max(least, float(rate)))) for rate in rates])
