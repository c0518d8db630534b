"""How many jobs a second the worker settles when their photos cost nothing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.lanes import WorkerLane
from benchmarks.measure import Series
from benchmarks.plumbing import FIXED_IMAGE, image
from benchmarks.stage import Site

_COMMAND = ("-m", "bytewax.run", "benchmarks.plumbing:flow", "-s", "3600")
_ROUNDS = 3
WITHOUT_STORE = "fixed vector, no store"
WITH_STORE = "fixed vector, tiny object from the store"


def measure(site: Site, folder: Path, jobs: int) -> dict[str, Series]:
    """Settle many jobs, without and with a fetch of a tiny object."""
    folder.mkdir()
    photo = folder / "tiny.jpg"
    photo.write_bytes(image())
    keys = site.upload([photo])
    found = {}
    for name, fixed in ((WITHOUT_STORE, "1"), (WITH_STORE, "")):
        queue = site.queue()
        queue = type(queue)(site, {**queue.variables, FIXED_IMAGE: fixed})
        with WorkerLane(queue, keys, command=_COMMAND) as lane:
            lane.round(jobs // 10)
            found[name] = Series(tuple(lane.round(jobs) for _ in range(_ROUNDS)))
    return found
