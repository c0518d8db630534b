"""The command itself: its options, and what it prints at the end."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.output import JsonOption, console, counted, print_json

if TYPE_CHECKING:
    from soloface.cli.demo.report import Answer


def demo(
    output: Annotated[
        Path, typer.Option(help="Folder for the contact sheet, and the photos.")
    ] = Path("soloface-demo"),
    workers: Annotated[int, typer.Option("-w", "--workers", min=1, help="Bytewax workers.")] = 1,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the photos there too, to go on with them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Watch it work: real NATS, PostgreSQL and S3 servers, real models, real photos.

    Works in a temporary folder and deletes it at the end. Only the contact sheet stays and, with
    --keep, the photos. Exit code 0 only if all ended as expected.
    """
    from soloface.cli.demo.photos import keep_photos
    from soloface.cli.demo.report import contact_sheet
    from soloface.cli.demo.story import tell

    console.quiet = as_json
    _make_folder(output)
    answers, steps, problems = tell(workers)
    sheet = output / "contact-sheet.png"
    contact_sheet(answers, sheet)
    if keep:
        keep_photos((answer.case for answer in answers), output / "photos")
    right = sum(answer.as_expected for answer in answers)
    right_steps = sum(step.as_expected for step in steps)
    if as_json:
        kept = {"photos": str(output / "photos")} if keep else {}
        jobs = list(map(_as_dict, answers))
        done = [asdict(step) | {"as_expected": step.as_expected} for step in steps]
        print_json({"jobs": jobs, "second_act": done, "problems": problems, **kept})
    for problem in problems:
        console.print(f"[red]✗[/] {problem}")
    jobs_told = f"{counted(len(answers), 'job')}, {right} as expected"
    steps_told = f"{counted(len(steps), 'step')}, {right_steps} as expected"
    console.print(f"{jobs_told}; {steps_told}. Faces: {escape(str(sheet))}")
    if keep:
        console.print(f"The photos are in {escape(str(output / 'photos'))}")
    if right < len(answers) or right_steps < len(steps) or problems:
        raise typer.Exit(1)


def _make_folder(output: Path) -> None:
    """Before the servers run, so that a mistake is told at once."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {output} cannot be made: {error.strerror}; name another (--output)"
        ) from None


def _as_dict(answer: Answer) -> dict[str, object]:
    return {
        "job": answer.case.title,
        "expected": sorted(answer.case.expected),
        "reason": answer.reason,
        "user": answer.user,
        "distance": answer.distance,
        "deliveries": answer.deliveries,
        "as_expected": answer.as_expected,
    }
