"""``python -m bytewax.visualize`` draws the production flow, with no server anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataflow.settings import PREFIX
from tests.patience import PATIENCE_S
from tests.places import REPOSITORY

NO_NETWORK = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        sys.stderr.write(f"the network was used: {event} {arguments}")
        os._exit(99)

sys.addaudithook(refuse)
"""


def draw(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return subprocess.run(
        [sys.executable, "-m", "bytewax.visualize", "dataflow:flow", "-o", "mermaid"],
        cwd=REPOSITORY,
        env=ours | {"PYTHONPATH": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_the_flow_is_drawn_without_contacting_anything(tmp_path: Path) -> None:
    done = draw(tmp_path, SOLOFACE_METRICS_PORT="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("flowchart TD")
    for step in ("jobs", "validate", "guardrails", "fetch", "embed", "dedup", "results", "record"):
        assert f"soloface.{step}" in done.stdout


@pytest.mark.parametrize("variable", ["SOLOFACE_NATS__ACK_WAIT_S"])
def test_a_wrong_setting_is_one_line_that_names_it(variable: str, tmp_path: Path) -> None:
    done = draw(tmp_path, **{variable: "soon"})
    assert done.returncode == 1
    assert done.stderr.startswith(f"soloface cannot start: {variable}: ")
    assert len(done.stderr.splitlines()) == 1
