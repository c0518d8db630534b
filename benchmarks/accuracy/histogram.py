"""How far photos of one person and of two are apart, as counts for a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.accuracy.faces import together
from benchmarks.accuracy.run import PackFaces
from dataflow.gallery.calibration import Distances, Pairs
from dataflow.jobs.errors import ConfigurationError

WIDTH = 0.02
"""Of a bar, as cosine distance."""

_BARS = round(2 / WIDTH)


def histogram(found: PackFaces) -> dict[str, object]:
    """Count the pairs of all labelled sets together, for a file that a program reads.

    Pairs are of photos of one set, so that nobody who is in two is taken for two people.

    Raises:
        ConfigurationError: the photos make no pairs of both kinds.
    """
    groups = found.labelled
    pairs = [Pairs(faces.embeddings, faces.people) for faces in groups]
    genuine = _counted([one.genuine for one in pairs])
    impostor = _counted([one.impostor for one in pairs])
    if not (genuine and impostor):
        raise ConfigurationError(f"{found.name}: there are no pairs of one person and of two")
    everybody = together(groups)
    return {
        "pack": found.name,
        "contract": found.contract,
        "sets": [faces.name for faces in groups],
        "people": len(everybody.names),
        "photos": len(everybody.people),
        "width": WIDTH,
        "genuine": genuine,
        "impostor": impostor,
    }


def _counted(distances: Sequence[Distances]) -> list[int]:
    """Without the bars at the end that count nothing."""
    whole = sum(
        (np.histogram(some, _BARS, (0, 2))[0] for some in distances), np.zeros(_BARS, np.intp)
    )
    return [int(count) for count in np.trim_zeros(whole, "b")]
