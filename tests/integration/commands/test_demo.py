"""`soloface demo --serve`: the whole story, as a newcomer runs it, and the page that it leaves."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from dataflow.jobs.reason import Reason
from soloface.cli.demo.page import ENV_FILE
from soloface.client import Client
from tests.fixtures.browser import MS
from tests.patience import LONG_TEST_S, PATIENCE_S
from tests.places import REPOSITORY

DECIDED = 10
WITHIN_S = 30
"""What the page promises to people; they take most of it."""

SOLOFACE = [sys.executable, "-c", "from soloface.cli import main; main()"]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo whose page is open; ``report`` is what it has printed."""

    process: subprocess.Popen[bytes]
    report: dict[str, Any]
    folder: Path

    @property
    def url(self) -> str:
        return str(self.report["url"])

    @property
    def ports(self) -> list[int]:
        """Of the page, and of the servers that the file of settings leads to."""
        settings = (self.folder / ENV_FILE).read_text()
        return [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", f"{settings} {self.url}")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    options = ["--serve", "--json", "--keep", "-w", "2", "--output", str(folder)]
    with subprocess.Popen(
        [*SOLOFACE, "demo", *options],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout
            document = b""
            for line in process.stdout:
                document += line
                if line == b"}\n":
                    break
            yield Demo(process, orjson.loads(document), folder)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.timeout(LONG_TEST_S)  # three servers, an installation and some seventy photos
def test_it_goes_as_expected_and_draws_its_contact_sheet(demo: Demo) -> None:
    report = demo.report

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
        f"{report['doubtful']} doubtful",
    ]
    assert all(step["as_expected"] for step in report["second_act"])
    photos = demo.folder / "photos"
    assert report["photos"] == str(photos)
    quickstart = (REPOSITORY / "docs" / "quickstart.md").read_text(encoding="utf-8")
    named = set(re.findall(r"soloface-demo/photos/([a-z0-9/-]+\.jpg)", quickstart))
    assert len(named) == 6
    assert all((photos / name).is_file() for name in named)
    with Image.open(demo.folder / "contact-sheet.png") as sheet:
        assert sheet.format == "PNG"
        sheet.load()
        assert sheet.width > 500
        assert sheet.height > 500


def test_ten_doubtful_faces_are_decided_by_keyboard_and_the_feed_shows_each_change(
    browser: Browser, demo: Demo
) -> None:
    assert demo.report["doubtful"] >= DECIDED
    before = datetime.now(UTC).isoformat()
    with browser.new_context() as context:
        context.set_default_timeout(MS)
        page = context.new_page()
        page.goto(demo.url)
        expect(page.locator("#proposed img").first).to_be_visible()
        began = time.monotonic()
        for number in range(DECIDED):
            seen = page.locator("#whole a").get_attribute("href")
            with page.expect_response("**/decision") as reply:
                page.keyboard.press("yn2x"[number % 4])
            assert reply.value.ok
            expect(page.locator("#whole a")).not_to_have_attribute("href", seen or "")
        took_s = time.monotonic() - began
    assert took_s < WITHIN_S

    with Client(demo.url) as client:
        decided = client.decisions(limit=DECIDED).decisions
    changed = {
        str(one.photo_id): str(one.matched_now) if one.matched_now else None
        for one in decided
        if one.matched_now != one.matched_before
    }
    assert len(changed) > DECIDED / 2
    assert told(demo, before, len(changed)) == changed


def told(demo: Demo, since: str, count: int) -> dict[str, str | None]:
    """Who is tagged by each change that `soloface watch --tags` shows, in another terminal."""
    watch = [*SOLOFACE, "watch", "--tags", "--json", "--since", since, "--count", str(count)]
    done = subprocess.run(
        ["/bin/bash", "-c", 'source "$0" && exec "$@"', str(demo.folder / ENV_FILE), *watch],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return {one["photo_id"]: one["user_id"] for one in map(orjson.loads, done.stdout.splitlines())}


def test_ctrl_c_ends_it_and_leaves_no_server_behind(demo: Demo) -> None:
    ports = demo.ports
    assert len(ports) == 4
    assert all(map(answers, ports))

    os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does it

    assert demo.process.wait(PATIENCE_S) == 0
    assert not any(map(answers, ports))
    assert not (demo.folder / ENV_FILE).exists()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
