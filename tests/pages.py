"""Pages in a real browser, on which no script may fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.fixtures.browser import MS

MAY_LEAVE = "dispatchEvent(new Event('beforeunload', {cancelable: true}))"
"""Whether the browser would let go of the page without a question."""


@contextmanager
def opened(browser: Browser, url: str, **context: Any) -> Iterator[Page]:  # noqa: ANN401 - theirs
    """Open a page; in the end no script has failed and the policy for content has held."""
    with browser.new_context(**context) as window:
        window.set_default_timeout(MS)
        page = window.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console", lambda said: problems.append(said.text) if said.type == "error" else None
        )
        page.goto(url)
        yield page
        # The browser says so of every answer that is an error, and of each that did not come.
        assert [text for text in problems if "Failed to load resource" not in text] == []


def answered(page: Page, then: str = "Kept") -> None:
    """Wait until the page says so."""
    expect(page.locator("#notice")).to_contain_text(then)


def all_taken(page: Page) -> None:
    """Wait until the server has taken every answer, in whatever order."""
    page.wait_for_function(MAY_LEAVE)
