"""`soloface watch`: what is told, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from dataflow.jobs.reason import Outcome, Reason
from soloface.cli.dlq.letters import moment
from soloface.cli.frame.output import console, print_json_line
from soloface.cli.frame.settings import load_settings
from soloface.cli.watch.board import Board
from soloface.cli.watch.outcomes import Outcomes
from soloface.cli.watch.people import PeopleRequests
from soloface.cli.watch.tags import TagChanges
from soloface.cli.watch.view import View

if TYPE_CHECKING:
    from connectors.jetstream.letters.following import Told
    from dataflow.settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events are shown; by default all."""

    outcomes: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    photo_id: UUID | None = None
    user_id: UUID | None = None

    def take(self, data: dict[str, Any]) -> bool:
        """Whether an event is shown."""
        users = (data.get("user_id"), data.get("previous_user_id"))
        return (
            (not self.outcomes or data.get("outcome") in self.outcomes)
            and (not self.reasons or data.get("reason") in self.reasons)
            and (not self.photo_id or data.get("photo_id") == str(self.photo_id))
            and (not self.user_id or str(self.user_id) in users)
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: which events, from when on, and how many."""

    tags: bool
    people: bool
    filters: Filters
    since: datetime | None
    count: int | None


def watch(
    *,
    tags: Annotated[
        bool, typer.Option("--tags", help="Follow the changes of tags, not the outcomes of jobs.")
    ] = False,
    people: Annotated[
        bool, typer.Option("--people", help="Follow the requests about people, not the photos.")
    ] = False,
    outcome: Annotated[
        list[Outcome] | None, typer.Option(help="Only these. May be given several times.")
    ] = None,
    reason: Annotated[
        list[Reason] | None, typer.Option(help="Only these. May be given several times.")
    ] = None,
    photo: Annotated[UUID | None, typer.Option(help="Only this photo.")] = None,
    user: Annotated[
        UUID | None, typer.Option(help="Only matches of this user, or changes of their tags.")
    ] = None,
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

    With --tags it follows how tags change, with --people how requests about people end.

    Shows a live table in a terminal, and one line per event in a pipe. It only reads the events.
    """
    if tags and (outcome or reason):
        raise typer.BadParameter("a change of a tag has no outcome and no reason; leave --tags out")
    if people and (tags or outcome or reason or photo):
        raise typer.BadParameter("of requests about people only --user, --since and --count choose")
    settings = load_settings().nats
    filters = Filters(
        frozenset(map(str, outcome or ())), frozenset(map(str, reason or ())), photo, user
    )
    wish = Wish(tags, people, filters, since, count)
    view: View = TagChanges() if tags else PeopleRequests() if people else Outcomes()
    with suppress(KeyboardInterrupt):
        if as_json:
            _run(settings, wish, lambda told: _each(told, _as_json))
        elif not console.is_terminal:
            _run(settings, wish, lambda told: _each(told, lambda one: typer.echo(view.line(one))))
        else:
            from rich.live import Live

            board = Board(view)
            with Live(board, console=console, auto_refresh=False) as live:

                def show(told: list[Told]) -> None:
                    board.add(told)
                    live.refresh()

                _run(settings, wish, show)


def _run(settings: NatsSettings, wish: Wish, show: Callable[[list[Told]], None]) -> None:
    from connectors.jetstream.letters.following import Feed, events

    if wish.people:
        feed = Feed.people(settings)
    else:
        feed = Feed.tags(settings) if wish.tags else Feed.outcomes(settings)

    async def follow() -> None:
        left = wish.count
        async with (
            events(settings, feed) as stream,
            aclosing(stream.follow(wish.since)) as following,
        ):
            async for told in following:
                wanted = [event for event in told if wish.filters.take(event.data)][:left]
                show(wanted)
                if left is not None and (left := left - len(wanted)) <= 0:
                    return

    asyncio.run(follow())


def _each(told: list[Told], show: Callable[[Told], None]) -> None:
    for event in told:
        show(event)


def _as_json(told: Told) -> None:
    print_json_line(told.data)
