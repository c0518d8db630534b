"""The page that shows the table."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.report import Row, markdown

BEGIN = "<!-- faults:begin -->"
END = "<!-- faults:end -->"


def fill(page: Path, rows: Sequence[Row], size: str) -> None:
    """Put the table between the page's two marks.

    Raises:
        ValueError: the page does not have them.
    """
    text = page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} … {END}")
    made = (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    block = f"{BEGIN}\nMade with `--size {size}` on {made}.\n\n{markdown(rows)}\n{END}"
    page.write_text(head + block + tail, encoding="utf-8")
