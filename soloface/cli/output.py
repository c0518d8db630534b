"""What all commands share: a console for people, JSON for scripts."""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

console = Console()
ByOption = Annotated[
    str | None, typer.Option(help="Your name, for the record. The database login is kept too.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

_SUSPICIOUS = re.compile(r"[^\n -~]")


def printable(text: str) -> str:
    """Text of unknown origin as a terminal may show it.

    Control characters, and what turns the direction of writing, appear as escapes; newlines stay.
    """

    def escape(character: re.Match[str]) -> str:
        text = character[0]
        return text if text.isprintable() else text.encode("unicode_escape").decode()

    return _SUSPICIOUS.sub(escape, text)


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever orjson takes
    """Print one JSON document on standard output."""
    document = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    typer.echo(_SUSPICIOUS.sub(_json_escape, document))


def print_json_line(value: Any) -> None:  # noqa: ANN401 - whatever orjson takes
    """Print one JSON document on one line, of many."""
    typer.echo(_SUSPICIOUS.sub(_json_escape, orjson.dumps(value).decode()))


def _json_escape(character: re.Match[str]) -> str:
    """JSON leaves DEL and everything beyond ASCII as it is; a terminal may obey some of it."""
    if character[0].isprintable():
        return character[0]
    units = character[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
