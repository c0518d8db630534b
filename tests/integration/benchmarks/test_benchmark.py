"""The benchmark runs, at its smallest size, on real servers and a real pack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from dataflow.settings import PREFIX
from tests.patience import LONG_TEST_S
from tests.places import REPOSITORY


@pytest.mark.skipif(
    "TEST_BENCHMARKS" not in os.environ, reason="takes a minute: set TEST_BENCHMARKS"
)
@pytest.mark.timeout(
    LONG_TEST_S
)  # it waits for nothing but work, which a busy machine is slow to do
def test_the_benchmark_measures_everything_and_says_what_was_reached(tmp_path: Path) -> None:
    written = tmp_path / "results.json"
    parts = ("scenes", "threads", "plumbing", "start", "growth")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "--size", "smoke"),
            *(argument for part in parts for argument in ("--only", part)),
            *("--json", str(written), "--plots", str(tmp_path / "plots")),
        ],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The figures to reach" in done.stdout
    found = orjson.loads(written.read_bytes())
    (scene,) = found["scenes"]
    assert {"loop", "limit", "worker, store 0 ms"} <= scene["lanes"].keys()
    for lane in scene["lanes"].values():
        assert all(sample["photos"] > 0 < sample["wall_s"] for sample in lane["samples"])
    assert found["threads"][0]["ms"]["computing: decode, detect, align, embed"] > 0
    assert found["startups"][0]["first_settled_s"] > 0
    assert found["growth"]["moments"][-1]["photos"] >= 100
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {"throughput-open-500-px.png", "growth.png"}
