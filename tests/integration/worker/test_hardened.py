"""The worker needs no more than docker-compose.yml and the Kubernetes manifests leave it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, RunWorker
from tests.world import World

NOTHING_CAN_BE_WRITTEN = """
for place in $(cut -d' ' -f5 /proc/self/mountinfo | sort -u); do
    mount -o remount,bind,ro "$place" 2>/dev/null
done
touch "$PWD/written" 2>/dev/null && exit 98
touch /tmp/written 2>/dev/null && exit 99
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
UNSHARE = shutil.which("unshare") or "unshare"
HARDENED = [UNSHARE, "--mount", "sh", "-c", NOTHING_CAN_BE_WRITTEN, "sh"]


@pytest.fixture(autouse=True)
def rights() -> None:
    """What it takes to take rights away."""
    if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("unshare"):
        pytest.skip("needs root, unshare and setpriv")
    if subprocess.run([UNSHARE, "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs CAP_SYS_ADMIN to make a mount namespace")


def test_a_worker_that_may_write_nowhere_and_has_no_capability_settles_and_drains(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(*ENROLLED)
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), 3)
    worker = run_worker(within=HARDENED)

    log.wait_settled(world.publish(*(photo.job() for photo in photos)))
    lines = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    worker.stop()

    assert (status["CapEff"], status["NoNewPrivs"]) == ("0" * 16, "1")
    assert set(log.reasons().values()) == {Reason.MATCHED}
