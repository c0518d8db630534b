"""What all commands share: a console for people, JSON for scripts."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import orjson
import typer
from rich.console import Console
from rich.table import Table

from dataflow.jobs.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.progress import Progress

_UNLIMITED = 1_000_000
"""Columns of what is no terminal: a line that a program reads is neither wrapped nor cut."""


def console_on(stream: TextIO | None) -> Console:
    """A console on standard output or standard error; ``None`` is one that was closed.

    A terminal wraps a long line by itself, so that an id can be copied out of it in one piece.
    """
    width = None if stream and stream.isatty() else _UNLIMITED
    return Console(stderr=stream is sys.stderr, width=width, highlight=False, soft_wrap=True)


console = console_on(sys.stdout)
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


def say(text: str) -> None:
    """Print a line of text of any origin, as it is, for people and for pipes."""
    typer.echo(printable(text))


def complain(text: str) -> None:
    """Print a line about what was not done, on standard error."""
    typer.echo(printable(text), err=True)


def confirm(question: str) -> None:
    """Ask on standard error, and end the command unless the answer is yes.

    Raises:
        ConfigurationError: nobody can be asked.
        KeyboardInterrupt: Ctrl-C instead of an answer.
        typer.Abort: the answer is no.
    """
    if not (sys.stdin and sys.stdin.isatty()):
        raise ConfigurationError(f"{question} Nobody can be asked here: say --yes")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None  # which Typer takes for a no
    if not agreed:
        raise typer.Abort


def counted(count: int, thing: str, things: str = "") -> str:
    """How many of a thing there are: 1 user, 2 users, 0 users."""
    return f"{count} {thing if count == 1 else things or thing + 's'}"


def plain_table(*headings: str, right: Collection[str] = ()) -> Table:
    """A table without lines; what does not fit into a terminal is folded, never cut."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return table


def show_tables(*tables: Table) -> None:
    """Print tables, as wide as the terminal is."""
    console.print(*tables, soft_wrap=False)


def progress(*, hidden: bool = False) -> Progress:
    """A bar of how far a command is, in terminals only; it goes when it is full."""
    from rich.progress import Progress

    return Progress(console=console, transient=True, disable=hidden or not console.is_terminal)
