"""A table of false accept rates whose distances are easy to work out."""

from __future__ import annotations

from dataflow.faces.packs.far_table import FarTable, Worst


def _points(less: float) -> list[Worst]:
    return [
        Worst(
            far=10.0**-power,
            distance=max(0.0, 0.7 - 0.1 * power - less),
            low=0,
            high=2,
            extrapolated=False,
            population="made up",
        )
        for power in range(1, 7)
    ]


TABLE = FarTable.of(_points(0))
"""Each tenth of the rate takes 0.1 less: 0.6 for 1e-1, 0.1 for 1e-6."""

TABLE_OF_MEANS = FarTable.of(
    _points(0), {(1, 2): FarTable.of(_points(0.05)), (2, 2): FarTable.of(_points(0.1))}
)
"""The same for single photos; 0.05 less where one of the two has several, 0.1 where both have."""
