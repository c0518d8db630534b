"""`soloface demo`: the whole story, as a newcomer runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from PIL import Image

from dataflow.jobs.reason import Reason
from tests.patience import LONG_TEST_S
from tests.places import REPOSITORY


@pytest.mark.timeout(LONG_TEST_S)  # three servers, an installation and some seventy photos
def test_the_demo_ends_as_expected_and_draws_its_contact_sheet(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from soloface.cli import main; main()"]
    done = subprocess.run(
        [*command, "demo", "--json", "--keep", "-w", "2", "--output", str(tmp_path / "demo")],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    report = orjson.loads(done.stdout)
    assert report["problems"] == []
    assert all(job["as_expected"] for job in report["jobs"])
    reasons = {job["reason"] for job in report["jobs"]}
    assert reasons >= {Reason.MATCHED, Reason.NO_FACE, Reason.MULTIPLE_FACES}
    assert [step["outcome"] for step in report["second_act"]] == [
        "matched, Ana",
        *2 * ["no_user_within_distance"],
        "settled: enrolled",
        *2 * ["gained"],
        "no tag",
        "settled: erased",
        "9 lost",
        "withdrawn",
        "unchanged",
    ]
    assert all(step["as_expected"] for step in report["second_act"])
    photos = tmp_path / "demo" / "photos"
    assert report["photos"] == str(photos)
    quickstart = (REPOSITORY / "docs" / "quickstart.md").read_text(encoding="utf-8")
    named = set(re.findall(r"soloface-demo/photos/([a-z0-9/-]+\.jpg)", quickstart))
    assert len(named) == 6
    assert all((photos / name).is_file() for name in named)
    with Image.open(tmp_path / "demo" / "contact-sheet.png") as sheet:
        assert sheet.format == "PNG"
        sheet.load()
        assert sheet.width > 500
        assert sheet.height > 500
