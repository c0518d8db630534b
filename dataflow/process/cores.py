"""How many processors this process may really use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path, PurePosixPath

SWITCH_INTERVAL_S = 0.0002
"""How long one thread keeps Python to itself where another waits for it.

Those that compute need it for microseconds at a time, between the runs of native code, and by
default a core would stand still for 5 ms before each.
"""

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """The processors it is allowed on, or the share of them that its container gets, if less.

    ``taskset`` and Kubernetes' static policy set the former, ``docker run --cpus`` and a pod's
    limit the latter: a quota of 1.5 processors counts as two.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([allowed or 1, *map(ceil, quotas(_ROOT, _OWN))]))


def share_python() -> None:
    """Have the threads of this process take turns so often that no core waits for Python."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def quotas(root: Path, own: Path) -> Iterator[float]:
    """Processors that the control groups of a process allow it, where they limit it at all.

    Args:
        root: where the control groups are mounted.
        own: the file that says which ones the process is in.
    """
    groups = {PurePosixPath("/")}
    with suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            group = PurePosixPath(line.split(":", 2)[-1])
            groups |= {group, *group.parents}
    for group in sorted(groups):
        inside = str(group).lstrip("/")
        with suppress(OSError, ValueError):
            quota, period = (root / inside / "cpu.max").read_text(encoding="utf-8").split()
            if quota != "max":
                yield int(quota) / int(period)
        with suppress(OSError, ValueError):  # version 1
            folder = root / "cpu" / inside
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8")
            if int(quota) > 0:
                yield int(quota) / int((folder / "cpu.cfs_period_us").read_text(encoding="utf-8"))
