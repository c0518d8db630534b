"""How dead letters are chosen on the command line, and how they look there."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from dataflow.jobs.reason import UNKNOWN, Outcome, Reason
from soloface.cli.frame.output import plain_table, printable
from soloface.cli.frame.settings import load_settings
from soloface.cli.frame.spans import read_span

if TYPE_CHECKING:
    from connectors.jetstream.letters.dead_letters import Selection
    from connectors.jetstream.letters.letter import Letter
    from dataflow.settings import NatsSettings

REASONS = (*(str(r) for r in Reason if r.outcome is Outcome.REJECTED), UNKNOWN)

_HEADINGS = {
    "seq": "seq",
    "died_at": "died at (UTC)",
    "reason": "reason",
    "photo_id": "photo",
    "user_id": "user",
    "deliveries": "deliveries",
    "error": "error",
}


def moment(text: str) -> datetime:
    """A time that was given as such, or as how long ago it is; without a zone it is UTC.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        if (ago := read_span(text)) is not None:
            return datetime.now(UTC) - ago
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is neither a time such as 2026-01-31T12:00 (UTC) nor a span such as 2h or 3d"
        ) from None


def rejection(text: str) -> str:
    """A reason that a letter can have.

    Raises:
        typer.BadParameter: it is none.
    """
    if text not in REASONS:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(REASONS)}")
    return text


SequencesArgument = Annotated[
    list[int] | None,
    typer.Argument(help="Sequences, as `list` shows them.", metavar="SEQ", min=1),
]
AllOption = Annotated[bool, typer.Option("--all", help="All letters that match the filters.")]
ReasonsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reason",
        parser=rejection,
        metavar="REASON",
        help=f"Only letters with this reason: {', '.join(REASONS)}. May be given several times.",
    ),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="Only letters from then or later: an ISO 8601 time (UTC unless it names a "
        "zone), or how long ago: 30m, 2h, 3d.",
    ),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar="TIME", help="Only letters from then or earlier."),
]
PeopleOption = Annotated[
    bool,
    typer.Option("--people", help="The letters of requests about people, not those of photos."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="The most to take, the oldest first.")]


def queue(*, people: bool) -> NatsSettings:
    """Whose letters are meant, from the environment."""
    nats = load_settings().nats
    return nats.people if people else nats


def selection(
    reasons: list[str] | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None = None,
) -> Selection:
    """What the filters mean together.

    Raises:
        typer.BadParameter: nothing could be left.
    """
    from connectors.jetstream.letters.dead_letters import Selection

    if since and until and since > until:
        raise typer.BadParameter("--since is later than --until")
    return Selection(frozenset(reasons or ()), since, until, limit)


def require_choice(sequences: list[int] | None, *, everything: bool, filters: Selection) -> None:
    """Insist on sequences, or on --all with or without filters.

    Raises:
        typer.BadParameter: both or neither are given.
    """
    from connectors.jetstream.letters.dead_letters import Selection

    if bool(sequences) == everything or (sequences and filters != Selection()):
        raise typer.BadParameter("give SEQ..., or --all with or without filters")


def summary(letter: Letter) -> dict[str, object]:
    """A letter without its payload, for JSON."""
    return {
        "seq": letter.seq,
        "died_at": letter.died_at,
        "reason": letter.reason,
        "nature": letter.nature,
        "photo_id": letter.photo_id,
        "user_id": letter.user_id,
        "deliveries": letter.deliveries,
        "error": letter.error,
        "stream": letter.stream,
        "stream_seq": letter.stream_seq,
        "published_at": letter.published_at,
        "payload_bytes": letter.payload_bytes if letter.cut else len(letter.payload),
        "cut": letter.cut,
    }


def whole(letter: Letter) -> dict[str, object]:
    """A letter with everything, for JSON; a payload that is not UTF-8 is in base64."""
    try:
        payload = {"payload": letter.payload.decode()}
    except UnicodeDecodeError:
        payload = {"payload_base64": base64.b64encode(letter.payload).decode()}
    return {**summary(letter), "headers": dict(letter.headers), **payload}


def table(rows: Iterable[Mapping[str, object]], *, narrow: bool, people: bool = False) -> Table:
    """Summaries as a table; what they say is shown and never obeyed.

    A ``narrow`` one stacks the photo under the time and the error under the reason, so that at 80
    columns neither an id nor a reason code is broken.
    """
    about, other = ("user_id", "photo_id") if people else ("photo_id", "user_id")
    stacks = [["seq"], ["died_at", about], ["deliveries"], ["reason", "error"]]
    if not narrow:
        stacks = [[name] for name in _HEADINGS if name != other]
    headings = [", ".join(_HEADINGS[name] for name in stack) for stack in stacks]
    shown = plain_table(*headings, right=("seq", "deliveries"))
    for column in shown.columns[:-1]:
        column.no_wrap = True
    for row in rows:
        shown.add_row(*(Text("\n").join(_shown(row[name]) for name in stack) for stack in stacks))
    return shown


def details(letter: Letter) -> Text:
    """A letter with everything, for a person."""
    from connectors.jetstream.letters.letter import Header

    known = {**summary(letter), "cut": "yes" if letter.cut else "no"}
    lines = [(name, _shown(value)) for name, value in known.items()]
    others = letter.headers.keys() - {str(name) for name in Header}
    lines += [(f"header {printable(n)}", _shown(letter.headers[n])) for n in sorted(others)]
    text = Text()
    for name, value in lines:
        text.append(f"{name.replace('_', ' ')}: ", style="bold")
        text.append_text(value).append("\n")
    payload = printable(letter.payload.decode("utf-8", "replace"))
    # Indented, so that no line of it can pass for one of ours.
    body = "".join(f"\n  {line}" for line in payload.split("\n"))
    return text.append("payload:", style="bold").append(body)


def _shown(value: object) -> Text:
    match value:
        case None:
            return Text("-", style="dim")
        case datetime():
            return Text(value.strftime("%Y-%m-%d %H:%M:%S"))
        case _:
            return Text(printable(" ".join(str(value).splitlines())))
