"""The results as pictures: DET curves by set, and what each way to limit costs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.limits import WAYS, curve
from benchmarks.accuracy.run import PackResult
from benchmarks.accuracy.searches import search
from dataflow.gallery.calibration import Pairs
from dataflow.jobs.errors import ConfigurationError
from soloface.cli.calibrate.plots import as_png, deviates, lay_out_det, new_figure

_LEAST_FPIR, _MOST_FPIR = 0.002, 0.5


def write_charts(packs: Sequence[PackResult], folder: Path) -> list[Path]:
    """Write all pictures; returns the files. The folder is made if it is not there.

    Raises:
        ConfigurationError: the folder cannot be written, or matplotlib is missing.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, png in _charts(packs):
            path = folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png"
            path.write_bytes(png)
            written.append(path)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from None
    return written


def _charts(packs: Sequence[PackResult]) -> Iterator[tuple[str, bytes]]:
    sets: dict[str, dict[str, tuple[Faces, float]]] = {}
    for found in packs:
        pack, threshold = found.faces.name, found.faces.threshold
        for one in found.judged:
            sets.setdefault(one.faces.name, {})[pack] = one.faces, threshold
    for name, by_pack in sets.items():
        yield f"det {name}", _det(name, by_pack)
        for pack, (faces, _) in by_pack.items():
            yield f"limits {pack} {name}", _limits(f"{pack}, {name}", faces)


def _det(name: str, packs: Mapping[str, tuple[Faces, float]]) -> bytes:
    figure, axes = new_figure()
    for pack, (faces, threshold) in packs.items():
        pairs = Pairs(faces.embeddings, faces.people)
        floors = 0.5 / len(pairs.impostor), 0.5 / len(pairs.genuine)
        _, far, frr = pairs.curve()
        (line,) = axes.plot(deviates(far, floors[0]), deviates(frr, floors[1]), label=pack)
        shipped = pairs.at(threshold)
        axes.plot(
            deviates(np.array([shipped.far.value]), floors[0]),
            deviates(np.array([1 - shipped.tar.value]), floors[1]),
            "o",
            color=line.get_color(),
            label=f"{pack}: shipped threshold {threshold:.2f}",
        )
    lay_out_det(axes)
    axes.set_title(name)
    axes.legend(frameon=False)
    return as_png(figure)


def _limits(title: str, faces: Faces) -> bytes:
    figure, axes = new_figure()
    found = search(faces, strangers=True)
    for name, score in WAYS.items():
        fpir, right = curve(found, score)
        axes.plot(fpir, right, label=name, linewidth=1.3)
    axes.set(
        xscale="log",
        xlim=(_LEAST_FPIR, _MOST_FPIR),
        xlabel="FPIR: share of strangers' photos that get a tag",
        ylabel="share of right tags",
        title=f"{title}: {found.users} users, one photo each",
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
    return as_png(figure)
