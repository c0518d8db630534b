"""`soloface lanes`: see both lanes of jobs, and hold back the one that can wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from soloface.cli.frame.output import (
    JsonOption,
    counted,
    plain_table,
    print_json,
    say,
    show_tables,
)
from soloface.cli.frame.settings import load_settings
from soloface.cli.frame.spans import span

if TYPE_CHECKING:
    from connectors.jetstream.lanes import LaneState
    from dataflow.settings import NatsSettings

app = typer.Typer(
    no_args_is_help=True,
    help="See the jobs that wait in both lanes, and hold back those that can wait.",
)
_ENDLESS = datetime.max.replace(tzinfo=UTC)


@app.command()
def show(*, as_json: JsonOption = False) -> None:
    """Show what waits and what is in work, in each lane."""
    states = asyncio.run(_states(load_settings().nats))
    if as_json:
        print_json([_as_dict(state) for state in states])
        return
    table = plain_table("lane", "subject", "waiting", "in work", "state", right=["waiting"])
    for state in states:
        table.add_row(
            state.lane, state.subject, str(state.waiting), str(state.in_work), _words(state)
        )
    show_tables(table)


@app.command()
def pause(
    *,
    for_: Annotated[
        timedelta | None,
        typer.Option(
            "--for",
            parser=span,
            metavar="SPAN",
            help="Resume by itself after so long: 30m, 2h, 3d. [default: when you say so]",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold back the jobs that can wait. Live jobs go on.

    Jobs in work are finished, the others stay on the stream, however often workers or NATS start
    again.
    """
    _tell(asyncio.run(_pause(load_settings().nats, for_)), as_json=as_json)


@app.command()
def resume(*, as_json: JsonOption = False) -> None:
    """Let the jobs that can wait through again."""
    _tell(asyncio.run(_resume(load_settings().nats)), as_json=as_json)


async def _states(settings: NatsSettings) -> list[LaneState]:
    from connectors.jetstream.lanes import open_lanes

    async with open_lanes(settings) as lanes:
        return await lanes.states()


async def _pause(settings: NatsSettings, for_: timedelta | None) -> LaneState:
    from connectors.jetstream.lanes import FOR_EVER, open_lanes

    async with open_lanes(settings) as lanes:
        return await lanes.pause(for_ or FOR_EVER)


async def _resume(settings: NatsSettings) -> LaneState:
    from connectors.jetstream.lanes import open_lanes

    async with open_lanes(settings) as lanes:
        return await lanes.resume()


def _tell(state: LaneState, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_dict(state))
    else:
        jobs = counted(state.waiting, "job waits", "jobs wait")
        say(f"the {state.lane} lane is {_words(state)}: {jobs}, {state.in_work} in work")


def _words(state: LaneState) -> str:
    if state.paused_until is None:
        return "open"
    if state.paused_until == _ENDLESS:
        return "paused until soloface lanes resume"
    return f"paused until {state.paused_until:%Y-%m-%d %H:%M:%S} UTC"


def _as_dict(state: LaneState) -> dict[str, object]:
    until = state.paused_until
    return {
        "lane": state.lane,
        "subject": state.subject,
        "durable": state.durable,
        "waiting": state.waiting,
        "in_work": state.in_work,
        "paused": until is not None,
        "paused_until": None if until == _ENDLESS else until,
    }
