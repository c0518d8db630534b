"""`soloface doctor`: is everything there that the worker needs, and if not, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import typer
from rich.markup import escape

from dataflow.settings import Settings, load_settings
from soloface.cli.doctor import nats, people, postgres, store
from soloface.cli.doctor.finding import Check, Finding, findings
from soloface.cli.output import JsonOption, console, print_json

CHECKS: dict[str, Check] = {
    "nats": nats.consumer,
    "postgres": postgres.server,
    "schema": postgres.schema,
    "rights": postgres.rights,
    "object store": store.buckets,
    "model": people.pack,
    "gallery": people.gallery,
}


def doctor(*, as_json: JsonOption = False) -> None:
    """Examine each dependency, the schema, the model and the consumer. Changes nothing.

    Exit code 1 if something would keep the worker from working.
    """
    found = list(examine(load_settings()))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            console.print(
                f"{_mark(finding)} {finding.name:12} {escape(finding.detail)}", soft_wrap=True
            )
    if not all(finding.healthy for finding in found):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check; one that fails does not keep the others from running."""
    for name, check in CHECKS.items():
        yield from findings(name, check, settings)


def _mark(finding: Finding) -> str:
    if not finding.healthy:
        return "[red]bad [/]"
    return "[yellow]warn[/]" if finding.warning else "[green]ok  [/]"
