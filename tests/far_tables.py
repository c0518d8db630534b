"""A table of false accept rates whose distances are easy to work out."""

from __future__ import annotations

from dataflow.faces.packs.far_table import FarTable, Worst

TABLE = FarTable.of(
    Worst(
        far=10.0**-power,
        distance=0.7 - 0.1 * power,
        low=0,
        high=2,
        extrapolated=False,
        population="made up",
    )
    for power in range(1, 7)
)
"""Each tenth of the rate takes 0.1 less: 0.6 for 1e-1, 0.1 for 1e-6."""
