"""soloface: for every photo that shows exactly one person, find which enrolled user that is.

``python -m bytewax.run dataflow:flow`` calls :func:`flow`. Importing this package is cheap: it
loads no driver, contacts nothing and starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

__all__ = ["flow"]


def flow() -> Dataflow:
    """Build the worker's dataflow from the environment; it connects when it runs.

    Raises:
        SystemExit: a setting is wrong; the message names the variable.
    """
    from soloface.worker import worker_flow  # noqa: PLC0415 - keeps the import light

    return worker_flow()
