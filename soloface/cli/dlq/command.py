"""`soloface dlq`: look at dead letters, send their jobs again, or remove them."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, Annotated

import typer

from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.reason import UNKNOWN
from soloface.cli.dlq.bury import bury
from soloface.cli.dlq.letters import (
    AllOption,
    LimitOption,
    PeopleOption,
    ReasonsOption,
    SequencesArgument,
    SinceOption,
    UntilOption,
    details,
    queue,
    require_choice,
    selection,
    summary,
    table,
    whole,
)
from soloface.cli.dlq.report import Report
from soloface.cli.frame.output import (
    JsonOption,
    confirm,
    console,
    counted,
    print_json,
    progress,
    say,
    show_tables,
)

if TYPE_CHECKING:
    from rich.progress import Progress

    from connectors.jetstream.letters.dead_letters import DeadLetters, Replayed, Selection
    from connectors.jetstream.letters.letter import Letter
    from dataflow.settings import NatsSettings

_NARROW = 120

app = typer.Typer(
    no_args_is_help=True,
    help="Look at the jobs that were rejected, send them again, or remove them.",
)
app.command()(bury)


@app.command("list")
def list_letters(
    *,
    reason: ReasonsOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The most to show.")] = 50,
    oldest_first: Annotated[
        bool, typer.Option("--oldest-first", help="Begin with the oldest, not the newest.")
    ] = False,
    people: PeopleOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the rejected jobs, by default the newest 50."""
    settings = queue(people=people)
    filters = selection(reason, since, until)
    rows, total = asyncio.run(_list(settings, filters, limit, oldest_first=oldest_first))
    if as_json:
        print_json(rows)
        return
    if rows:
        narrow = console.width < _NARROW
        show_tables(table(rows, narrow=narrow, people=people))
    say(f"{len(rows)} of {counted(total, 'dead letter')}")


@app.command()
def show(
    seq: Annotated[int, typer.Argument(help="Its sequence, as `list` shows it.", min=1)],
    *,
    people: PeopleOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with all its headers and its payload.

    Characters that could play tricks on a terminal are shown as escapes. `--json` gives the payload
    as it is, in base64 if it is not UTF-8.
    """
    letter = asyncio.run(_get(queue(people=people), seq))
    if as_json:
        print_json(whole(letter))
    else:
        console.print(details(letter))


@app.command()
def replay(
    sequences: SequencesArgument = None,
    *,
    everything: AllOption = False,
    reason: ReasonsOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="As live jobs. Without it live jobs pass them.")
    ] = False,
    people: PeopleOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish rejected jobs again, once what kept them from succeeding is fixed.

    A letter is removed when the jobs' stream has confirmed its job, so you can run an interrupted
    replay again. A job that fails again comes back as a new letter, which this run does not touch.
    Exit code 1 if a letter could not be replayed, or is not there.
    """
    filters = selection(reason, since, until, limit)
    require_choice(sequences, everything=everything, filters=filters)
    settings = queue(people=people)
    with progress(hidden=as_json) as bar:
        report = asyncio.run(
            _replay(settings, sequences or [], filters, bar, Report(dry_run), live=live)
        )
    if as_json:
        print_json(report.as_dict())
    else:
        report.print()
    if report.problems:
        raise typer.Exit(1)


@app.command()
def purge(
    sequences: SequencesArgument = None,
    *,
    everything: AllOption = False,
    reason: ReasonsOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    people: PeopleOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove dead letters for good, after asking.

    The server overwrites each one, which takes it some milliseconds.
    """
    filters = selection(reason, since, until, limit)
    require_choice(sequences, everything=everything, filters=filters)
    settings = queue(people=people)
    # Asked between two connections: an open one would be given up while the answer is awaited.
    reasons, missing, last_seq = asyncio.run(_count(settings, sequences or [], filters))
    count = reasons.total()
    if count and not yes:
        which = ", ".join(f"{n} {name}" for name, n in reasons.most_common())
        confirm(f"Remove {counted(count, 'dead letter')} ({which})?")
    # No further than the last that was counted, whatever has changed since.
    with progress(hidden=as_json) as bar:
        purged = asyncio.run(_purge(settings, sequences or [], filters, last_seq, bar))
    gone = missing + count - purged
    if as_json:
        print_json({"purged": purged, "already_gone": gone})
    else:
        say(f"purged {purged}" + (f", already gone {gone}" if gone else ""))


async def _list(
    settings: NatsSettings, filters: Selection, limit: int, *, oldest_first: bool
) -> tuple[list[dict[str, object]], int]:
    """The rows to show, and how many there are of them."""
    from connectors.jetstream.letters.dead_letters import dead_letters

    newest: deque[dict[str, object]] = deque(maxlen=limit)
    total = 0
    async with dead_letters(settings) as letters:
        async for window in letters.chosen([], filters):
            total += len(window.letters)
            room = limit - len(newest) if oldest_first else limit
            newest.extend(map(summary, window.letters[:room] if oldest_first else window.letters))
    return (list(newest) if oldest_first else list(reversed(newest))), total


async def _get(settings: NatsSettings, seq: int) -> Letter:
    from connectors.jetstream.letters.dead_letters import dead_letters

    async with dead_letters(settings) as letters:
        if letter := await letters.get(seq):
            return letter
    raise ConfigurationError(f"there is no dead letter {seq} on {settings.dead_stream}")


async def _replay(
    settings: NatsSettings,
    sequences: list[int],
    filters: Selection,
    bar: Progress,
    report: Report,
    *,
    live: bool,
) -> Report:
    from connectors.jetstream.letters.dead_letters import Replayed, dead_letters

    task = bar.add_task("Replaying", total=1)
    async with dead_letters(settings) as letters:
        if not live:
            report.one_lane = await letters.let_wait()
        async for window in letters.chosen(sequences, filters):
            for seq in window.missing:
                report.add(Replayed(seq, "there is no such letter, or not any more"))
            if report.dry_run:
                results = [Replayed(x.seq, letters.refusal(x)) for x in window.letters]
            else:
                results = await _together(letters, window.letters)
            for result in results:
                report.add(result)
            bar.update(task, completed=window.done)
    return report


async def _together(letters: DeadLetters, chosen: list[Letter]) -> list[Replayed]:
    """Replay some at once; where one fails, the others are brought to their end first."""
    from connectors.jetstream.letters.dead_letters import Replayed

    results = await asyncio.gather(*map(letters.replay, chosen), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, Replayed)]


async def _count(
    settings: NatsSettings, sequences: list[int], filters: Selection
) -> tuple[Counter[str], int, int]:
    """How many letters there are of each reason, how many are missing, and the last's sequence."""
    from connectors.jetstream.letters.dead_letters import dead_letters

    reasons: Counter[str] = Counter()
    missing = last_seq = 0
    async with dead_letters(settings) as letters:
        async for window in letters.chosen(sequences, filters):
            reasons.update(letter.reason or UNKNOWN for letter in window.letters)
            missing += len(window.missing)
            last_seq = max((letter.seq for letter in window.letters), default=last_seq)
    return reasons, missing, last_seq


async def _purge(
    settings: NatsSettings,
    sequences: list[int],
    filters: Selection,
    last_seq: int,
    bar: Progress,
) -> int:
    from connectors.jetstream.letters.dead_letters import dead_letters

    purged = 0
    task = bar.add_task("Purging", total=1)
    async with dead_letters(settings, last_seq) as letters:
        async for window in letters.chosen(sequences, filters):
            for letter in window.letters:
                purged += await letters.remove(letter.seq, erase=True)
            bar.update(task, completed=window.done)
    return purged
