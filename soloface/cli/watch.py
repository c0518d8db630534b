"""`soloface watch`: how jobs end, as it happens."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import orjson
import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from dataflow.jobs.reason import Outcome, Reason
from soloface.cli.dlq.letters import moment
from soloface.cli.frame.output import console, plain_table, print_json_line, printable
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.jetstream.letters.following import Told
    from dataflow.settings import NatsSettings

_STYLES = {"matched": "green", "skipped": "yellow", "rejected": "red"}
_FRAME_ROWS = 7
_LEAST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events are shown; by default all."""

    outcomes: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    photo_id: UUID | None = None
    user_id: UUID | None = None

    def take(self, data: dict[str, Any]) -> bool:
        """Whether an event is shown."""
        return (
            (not self.outcomes or data.get("outcome") in self.outcomes)
            and (not self.reasons or data.get("reason") in self.reasons)
            and (not self.photo_id or data.get("photo_id") == str(self.photo_id))
            and (not self.user_id or data.get("user_id") == str(self.user_id))
        )


def watch(
    *,
    outcome: Annotated[
        list[Outcome] | None, typer.Option(help="Only these. May be given several times.")
    ] = None,
    reason: Annotated[
        list[Reason] | None, typer.Option(help="Only these. May be given several times.")
    ] = None,
    photo: Annotated[UUID | None, typer.Option(help="Only jobs of this photo.")] = None,
    user: Annotated[UUID | None, typer.Option(help="Only matches of this user.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=moment,
            metavar="TIME",
            help="Begin then and not now: an ISO 8601 time (UTC unless it names a zone), or how "
            "long ago: 30m, 2h, 3d.",
        ),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after this many events.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line, as JSON.")] = False,
) -> None:
    """Follow the outcomes of jobs as they come, until Ctrl-C.

    Shows a live table in a terminal, and one line per event in a pipe. It only reads the events.
    """
    settings = load_settings().nats
    filters = Filters(
        frozenset(map(str, outcome or ())), frozenset(map(str, reason or ())), photo, user
    )
    with suppress(KeyboardInterrupt):
        if as_json:
            _run(settings, filters, since, count, lambda told: _each(told, _as_json))
        elif not console.is_terminal:
            _run(settings, filters, since, count, lambda told: _each(told, _as_line))
        else:
            from rich.live import Live

            board = Board()
            with Live(board, console=console, auto_refresh=False) as live:

                def show(told: list[Told]) -> None:
                    board.add(told)
                    live.refresh()

                _run(settings, filters, since, count, show)


def _run(
    settings: NatsSettings,
    filters: Filters,
    since: datetime | None,
    count: int | None,
    show: Callable[[list[Told]], None],
) -> None:
    from connectors.jetstream.letters.following import events

    async def follow() -> None:
        left = count
        async with events(settings) as stream, aclosing(stream.follow(since)) as following:
            async for told in following:
                wanted = [event for event in told if filters.take(event.data)][:left]
                show(wanted)
                if left is not None and (left := left - len(wanted)) <= 0:
                    return

    asyncio.run(follow())


@dataclass
class Board:
    """The newest outcomes, and how many there were of each kind."""

    newest: deque[Told] = field(default_factory=lambda: deque(maxlen=200))
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, told: list[Told]) -> None:
        """Take in what came."""
        self.newest.extend(told)
        self.reasons.update(f"{_text(e, 'outcome')} {_text(e, 'reason')}" for e in told)

    def __rich__(self) -> Group:
        """Draw it, as long as the terminal is high."""
        rows = max(console.height - _FRAME_ROWS - len(self.reasons), _LEAST_ROWS)
        return Group(_table(list(self.newest)[-rows:]), self._totals())

    def _totals(self) -> Table:
        totals = Table(box=None, show_header=False, pad_edge=False)
        for name, number in self.reasons.most_common():
            outcome, _, reason = name.partition(" ")
            totals.add_row(str(number), Text(reason, style=_STYLES.get(outcome, "")))
        totals.add_row(str(self.reasons.total()), Text("in all; Ctrl-C ends", style="dim"))
        return totals


def _table(told: list[Told]) -> Table:
    numbers = ("distance", "took", "tries")
    table = plain_table("settled", "reason", "photo", "user or detail", *numbers, right=numbers)
    table.expand = True
    for column in table.columns[-len(numbers) :]:
        column.no_wrap = True
    for event in told:
        style = _STYLES.get(_text(event, "outcome"), "")
        table.add_row(
            f"{event.at.astimezone():%H:%M:%S}",
            Text(_text(event, "reason"), style=style),
            Text(_text(event, "photo_id")),
            Text(_text(event, "user_id") or _text(event, "detail")),
            _distance(event),
            _took(event),
            Text(_text(event, "deliveries")),
        )
    return table


def _each(told: list[Told], show: Callable[[Told], None]) -> None:
    for event in told:
        show(event)


def _as_json(told: Told) -> None:
    print_json_line(told.data)


def _as_line(told: Told) -> None:
    parts = {
        "photo": _text(told, "photo_id"),
        "user": _text(told, "user_id"),
        "distance": _distance(told),
        "took": _took(told),
        "tries": _text(told, "deliveries"),
        "detail": _text(told, "detail"),
    }
    shown = " ".join(f"{name}={value}" for name, value in parts.items() if value)
    at = f"{told.at.astimezone():%Y-%m-%dT%H:%M:%S%z}"
    typer.echo(f"{at} {_text(told, 'outcome'):8} {_text(told, 'reason'):20} {shown}")


def _text(told: Told, name: str) -> str:
    """A field as a terminal may show it, even if a stranger wrote it."""
    value = told.data.get(name)
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return printable(" ".join(text.split()))


def _distance(told: Told) -> str:
    value = told.data.get("distance")
    return f"{value:.4f}" if isinstance(value, int | float) else ""


def _took(told: Told) -> str:
    """Seconds from publication to outcome."""
    try:
        published = datetime.fromisoformat(told.data["published_at"])
        settled = datetime.fromisoformat(told.data["settled_at"])
        return f"{(settled - published).total_seconds():.2f}s"
    except (KeyError, TypeError, ValueError):
        return ""
