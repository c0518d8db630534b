"""How many cores count as ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dataflow.process.cores import quotas, usable_cores


def test_there_is_at_least_one_and_no_more_than_we_may_use() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


def test_affinity_counts_and_not_the_machine() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("files", "group", "expected"),
    [
        ({}, "0::/", []),
        ({"cpu.max": "max 100000"}, "0::/", []),
        ({"cpu.max": "150000 100000"}, "0::/", [1.5]),
        ({"pod/box/cpu.max": "50000 100000", "pod/cpu.max": "max 1"}, "0::/pod/box", [0.5]),
        ({"pod/box/cpu.max": "max 1", "pod/cpu.max": "2 1"}, "0::/pod/box", [2.0]),
        (
            {"cpu/box/cpu.cfs_quota_us": "300000", "cpu/box/cpu.cfs_period_us": "100000"},
            "4:cpu,cpuacct:/box",
            [3.0],
        ),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/", []),
        ({"cpu.max": "what is this"}, "0::/", []),
    ],
)
def test_control_groups_limit_cores(
    files: dict[str, str], group: str, expected: list[float], tmp_path: Path
) -> None:
    root = tmp_path / "cgroup"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    own = tmp_path / "own"
    own.write_text(group + "\n")
    assert list(quotas(root, own)) == expected


def test_a_machine_without_control_groups_has_no_quotas(tmp_path: Path) -> None:
    assert list(quotas(tmp_path / "absent", tmp_path / "also absent")) == []
