"""The worker with something wrong: ``python -m tests.faults.launch HOW dataflow:flow -w 1``.

``HOW`` names what is wrong, several with commas. ``POINT:N`` ends the process with SIGKILL at the
n-th time that the worker passes the point; the others are mistakes that the real worker does not
make. Production code has no hooks for this: its functions are wrapped here, before Bytewax's own
``main`` runs as ever. A function that is renamed makes the launch fail.
"""

from __future__ import annotations

import runpy
import sys

from tests.faults.mistakes import MISTAKES
from tests.faults.points import POINTS, Death


def main() -> None:
    """Wrap what is named, then become ``python -m bytewax.run``."""
    how, *arguments = sys.argv[1:]
    for name in how.split(","):
        point, _, passes = name.partition(":")
        if passes:
            POINTS[point](Death(int(passes)))
        else:
            MISTAKES[name]()
    sys.argv[1:] = arguments
    runpy.run_module("bytewax.run", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
