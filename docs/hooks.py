"""Draws the pages' Mermaid diagrams while the site is built, so that readers need no script."""

from __future__ import annotations

import re
from typing import Any

import mermaidx  # type: ignore[import-untyped]

FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
THEME = "%%{init: {'theme': 'neutral'}}%%\n"


def on_page_markdown(markdown: str, **_: Any) -> str:  # noqa: ANN401 - the hook's signature
    """Put an SVG in the place of each Mermaid fence. Called by MkDocs for every page."""
    return FENCE.sub(lambda fence: f'<div class="diagram">{_drawn(fence[1])}</div>', markdown)


def _drawn(source: str) -> str:
    svg: str = mermaidx.render(THEME + source).svg()
    # Markdown ends an HTML block at an empty line.
    return re.sub(r"\n\s*", " ", svg)
