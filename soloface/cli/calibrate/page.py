"""A calibration as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

from soloface.cli.calibrate.crowds import HEADINGS as CROWD_HEADINGS
from soloface.cli.calibrate.crowds import cells
from soloface.cli.calibrate.report import HEADINGS, Calibration

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ccc }
img { max-width: 100%; height: auto }
"""


def render(calibration: Calibration, pictures: Iterable[tuple[str, bytes]]) -> str:
    """The page; ``pictures`` are PNG files with what they show."""
    tables = _table(HEADINGS, calibration.table())
    if calibration.ignoring:
        tables += _table(CROWD_HEADINGS, cells(calibration.ignoring))
    lines = "".join(f"<p>{escape(line)}</p>" for line in calibration.tail())
    images = "".join(
        f'<img alt="{escape(name)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        for name, png in pictures
    )
    title = f"Calibration of {calibration.model}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1><p>{escape(calibration.head())}</p>"
        f"{tables}{lines}{images}</html>\n"
    )


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{heads}</tr>{body}</table>"
