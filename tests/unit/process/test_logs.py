"""What is printed, by a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

from tests.patience import PATIENCE_S

SCRIPT = """
import logging
import structlog
from dataflow.process.logs import configure_logs
from dataflow.settings import LogSettings

configure_logs(LogSettings(level={level!r}, format={format!r}))
log = structlog.get_logger()
{body}
"""


def printed(body: str, level: str = "info", style: str = "auto") -> str:
    script = SCRIPT.format(body=body, level=level, format=style)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout == ""
    return done.stderr


def lines(body: str, level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed(body, level).splitlines()]


def test_a_pipe_gets_one_json_object_a_line() -> None:
    (line,) = lines("log.info('job_settled', photo_id='x', distance=0.5)")
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo
    assert line == {
        "event": "job_settled",
        "level": "info",
        "photo_id": "x",
        "distance": 0.5,
    }


def test_a_library_is_printed_in_the_same_form() -> None:
    (line,) = lines("logging.getLogger('library').warning('it is %s', 'late')")
    assert (line["event"], line["level"]) == ("it is late", "warning")


def test_an_exception_stays_on_its_line_with_its_traceback() -> None:
    (line,) = lines("try: 1 / 0\nexcept ZeroDivisionError: log.exception('failed')")
    assert (line["event"], line["level"]) == ("failed", "error")
    assert "ZeroDivisionError" in line["exception"]


def test_what_is_below_the_level_is_not_printed() -> None:
    body = "log.debug('one')\nlog.info('two')\nlog.warning('three')"
    assert [line["event"] for line in lines(body, level="warning")] == ["three"]
    assert [line["event"] for line in lines(body, level="debug")] == ["one", "two", "three"]


def test_the_console_gets_text_when_asked_for() -> None:
    text = printed("log.info('worker_starts', pack='open')", style="console")
    assert "worker_starts" in text
    assert "pack=open" in text
    assert not text.startswith("{")
