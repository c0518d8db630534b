"""`soloface doctor`: is everything there that the worker needs, and if not, what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from soloface.cli.output import JsonOption, console, print_json, printable
from soloface.cli.settings import load_settings

if TYPE_CHECKING:
    from soloface.cli.doctor.finding import Finding


def doctor(
    *,
    image_ref: Annotated[
        str | None,
        typer.Option("--object", metavar="KEY", help="Read this object, not a recent photo's."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Examine each dependency, the schema, the model and the consumer. Changes nothing.

    It also reads one real object from the store, and says which jobs are held.

    Exit code 1 if something would keep the worker from working.
    """
    from soloface.cli.doctor.checks import examine

    found = list(examine(load_settings(), image_ref))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            detail = escape(printable(finding.detail))
            console.print(f"{_mark(finding)} {finding.name:12} {detail}")
    if not all(finding.healthy for finding in found):
        raise typer.Exit(1)


def _mark(finding: Finding) -> str:
    if not finding.healthy:
        return "[red]bad [/]"
    return "[yellow]warn[/]" if finding.warning else "[green]ok  [/]"
