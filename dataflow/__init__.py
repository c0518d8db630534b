"""soloface: for every photo that shows exactly one person, find which enrolled user that is.

``python -m bytewax.run dataflow:flow`` calls :func:`flow`, ``dataflow:people`` calls
:func:`people`, ``dataflow:all`` calls :func:`all`. Importing this package is cheap: it loads no
driver, contacts nothing and starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

__all__ = ["all", "flow", "people"]


def flow() -> Dataflow:
    """Build the worker's dataflow from the environment: whom photos show. It connects when it runs.

    Raises:
        SystemExit: a setting is wrong; the message names the variable.
    """
    from soloface.worker import worker_flow  # noqa: PLC0415 - keeps the import light

    return worker_flow()


def people() -> Dataflow:
    """Build the dataflow that enrols people, and forgets them, by messages.

    Raises:
        SystemExit: a setting is wrong; the message names the variable.
    """
    from soloface.people import people_flow  # noqa: PLC0415 - keeps the import light

    return people_flow()


def all() -> Dataflow:  # noqa: A001 - `dataflow:all` is what is asked for
    """Build both in one.

    Raises:
        SystemExit: a setting is wrong; the message names the variable.
    """
    from soloface.people import whole_flow  # noqa: PLC0415 - keeps the import light

    return whole_flow()
