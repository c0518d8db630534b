"""What a person sees of a job in a terminal: one line, the answer first."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from structlog.testing import capture_logs

from dataflow.jobs.outcome import Match, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.process.console import ConsoleLines
from dataflow.process.reporting import report_retry, report_settled
from tests.builders import photo, request, user
from tests.patience import PATIENCE_S

ASKED = request(1, seq=12345, attempt=2)
MATCH = Match(user(1), 0.31239, within_threshold=True, margin=0.21)
COLOUR = re.compile(r"\x1b\[\d+m")
WIDTH = 120


def shown(item: Settled | Retry, columns: int | None = WIDTH) -> str:
    """The line of a job."""
    with capture_logs() as logs:
        report_retry(item) if isinstance(item, Retry) else report_settled(item)
    (entry,) = logs
    entry.pop("log_level")
    entry.update(timestamp="2026-11-27T09:01:40.937000Z", age_s=0.42)
    return ConsoleLines(lambda: columns, colours=False)(None, "info", entry)


def settled(reason: Reason, detail: str = "", match: Match | None = None) -> Settled:
    return Settled(ASKED.delivery, ASKED.job, reason, detail, match=match)


PHOTO = f"photo {photo(1)} #12345"


@pytest.mark.parametrize(
    ("item", "beginning"),
    [
        (settled(Reason.MATCHED, match=MATCH), f"matched  {user(1)} at 0.3124 {PHOTO} "),
        (
            settled(Reason.NO_USER_WITHIN_DISTANCE, match=MATCH),
            f"skipped  no_user_within_distance at 0.3124 {PHOTO} delivery 2 0.4 s",
        ),
        (
            settled(Reason.IMAGE_NOT_FOUND, "no such object"),
            f"rejected image_not_found {PHOTO} delivery 2 0.4 s no such object",
        ),
        (
            Retry(ASKED.delivery, ASKED.job, "the store answers SlowDown", 5),
            f"sent back for 5 s {PHOTO} delivery 2 the store answers SlowDown",
        ),
        (
            Settled(ASKED.delivery, None, Reason.MALFORMED_PAYLOAD, "photo_id: missing"),
            "rejected malformed_payload photo ? #12345 delivery 2 0.4 s photo_id: missing",
        ),
    ],
    ids=["matched", "skipped", "rejected", "sent back", "malformed"],
)
def test_the_answer_comes_first_and_the_line_fits(item: Settled | Retry, beginning: str) -> None:
    line = shown(item)

    assert line.startswith(f"09:01:40 {beginning}")
    assert len(line) <= WIDTH


def test_where_there_is_no_terminal_nothing_is_cut() -> None:
    line = shown(settled(Reason.IMAGE_NOT_FOUND, "x" * 999), columns=None)

    assert "x" * 999 in line


@given(st.text(), st.integers(40, 200))
def test_no_detail_breaks_the_line_or_speaks_to_the_terminal(detail: str, columns: int) -> None:
    line = shown(settled(Reason.IMAGE_NOT_FOUND, detail), columns)

    assert line.isprintable()
    assert cell_len(line) <= columns


SCRIPT = """
import structlog
from dataflow.process.logs import configure_logs
from dataflow.settings import LogSettings

configure_logs(LogSettings())
structlog.get_logger().info(
    "job_settled", outcome="rejected", reason="image_not_found", photo_id="p", detail="x" * 500
)
"""


def test_a_real_terminal_of_120_columns_gets_one_line_in_colour() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
    subprocess.run([sys.executable, "-c", SCRIPT], stderr=theirs, check=True, timeout=PATIENCE_S)
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8", newline="") as terminal:
        line = terminal.readline()

    assert line.endswith("\r\n")
    assert "\x1b[31mrejected\x1b[0m image_not_found photo p" in line
    assert len(COLOUR.sub("", line.strip())) == WIDTH
