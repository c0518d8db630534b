"""`soloface doctor`: is everything there that the worker needs, and if not, what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from connectors.jetstream.provision import make_missing
from dataflow.jobs.errors import SolofaceError
from dataflow.settings import Settings, load_settings
from soloface.cli.doctor import nats, people, postgres, store
from soloface.cli.doctor.finding import Check, Finding, findings
from soloface.cli.output import JsonOption, console, print_json

CHECKS: dict[str, Check] = {
    "nats": nats.consumer,
    "postgres": postgres.server,
    "schema": postgres.schema,
    "object store": store.buckets,
    "model": people.pack,
    "gallery": people.gallery,
}


def doctor(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="First make the streams and the consumer that are absent.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Examine each dependency, the schema, the model and the consumer.

    Changes nothing, unless you say --fix: then `publish` and your platform can send jobs before any
    worker has run. Exit code 1 if something would keep the worker from working.
    """
    settings = load_settings()
    if fix:
        _fix(settings, as_json=as_json)
    found = list(examine(settings))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            console.print(
                f"{_mark(finding)} {finding.name:12} {escape(finding.detail)}", soft_wrap=True
            )
    if not all(finding.healthy for finding in found):
        raise typer.Exit(1)


def _fix(settings: Settings, *, as_json: bool) -> None:
    try:
        made = asyncio.run(make_missing(settings.nats))
    except SolofaceError:
        return  # the examination says what is wrong
    if not as_json:
        for name in made:
            console.print(f"made {name}", highlight=False, soft_wrap=True)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check; one that fails does not keep the others from running."""
    for name, check in CHECKS.items():
        yield from findings(name, check, settings)


def _mark(finding: Finding) -> str:
    if not finding.healthy:
        return "[red]bad [/]"
    return "[yellow]warn[/]" if finding.warning else "[green]ok  [/]"
