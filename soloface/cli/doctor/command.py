"""`soloface doctor`: is everything there that the worker needs, and if not, what to do."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from dataflow.jobs.errors import SolofaceError
from soloface.cli.frame.output import JsonOption, console, print_json, printable, say
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from dataflow.settings import Settings
    from soloface.cli.doctor.finding import Finding


def doctor(
    *,
    image_ref: Annotated[
        str | None,
        typer.Option("--object", metavar="KEY", help="Read this object, not a recent photo's."),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="First make the streams and the consumer that are absent.")
    ] = False,
    people: Annotated[
        bool, typer.Option("--people", help="With --fix, also those of requests about people.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Examine each dependency, the schema, the model and the consumer.

    It also reads one real object from the store, and says which jobs are held. It changes nothing,
    unless you say --fix: then `publish` and your platform can send jobs before any worker has run.

    Exit code 1 if something would keep the worker from working.
    """
    from soloface.cli.doctor.checks import examine

    settings = load_settings()
    if fix:
        _fix(settings, as_json=as_json, people=people)
    found = list(examine(settings, image_ref))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            detail = escape(printable(finding.detail))
            console.print(f"{_mark(finding)} {finding.name:12} {detail}")
    if not all(finding.healthy for finding in found):
        raise typer.Exit(1)


def _fix(settings: Settings, *, as_json: bool, people: bool) -> None:
    from connectors.jetstream.provision import make_missing

    try:
        made = asyncio.run(make_missing(settings.nats))
        if people:
            made += asyncio.run(make_missing(settings.nats.people))
    except SolofaceError:
        return  # the examination says what is wrong
    if not as_json:
        for name in made:
            say(f"made {name}")


def _mark(finding: Finding) -> str:
    if not finding.healthy:
        return "[red]bad [/]"
    return "[yellow]warn[/]" if finding.warning else "[green]ok  [/]"
