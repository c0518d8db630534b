"""The command itself: its options, and what it prints at the end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.extras import require_web
from soloface.cli.frame.output import JsonOption, console, counted, print_json
from soloface.cli.frame.signals import termination_as_interrupt

if TYPE_CHECKING:
    from soloface.cli.demo.report import Answer
    from soloface.cli.demo.story import Story


def demo(
    output: Annotated[
        Path, typer.Option(help="Folder for the contact sheet, and the photos.")
    ] = Path("soloface-demo"),
    workers: Annotated[int, typer.Option("-w", "--workers", min=1, help="Bytewax workers.")] = 1,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the photos there too, to go on with them.")
    ] = False,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Leave the review page open, with faces to decide on."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Watch it work: real NATS, PostgreSQL and S3 servers, real models, real photos.

    Works in a temporary folder and deletes it at the end. Only the contact sheet stays and, with
    --keep, the photos. Exit code 0 only if all ended as expected.

    With --serve the servers and the review page stay until Ctrl-C.
    """
    from soloface.cli.demo.photos import keep_photos
    from soloface.cli.demo.report import contact_sheet
    from soloface.cli.demo.story import told

    console.quiet = as_json
    if serve:
        require_web()
    _make_folder(output)
    with termination_as_interrupt(), told(workers) as story:
        sheet = output / "contact-sheet.png"
        contact_sheet(story.answers, sheet)
        if keep:
            keep_photos((answer.case for answer in story.answers), output / "photos")
        ending = Ending(story, sheet, output / "photos" if keep else None)
        if serve:
            _serve(story, output, ending, as_json=as_json)
        else:
            ending.say(as_json=as_json)
    if not ending.is_good:
        raise typer.Exit(1)


def _serve(story: Story, output: Path, ending: Ending, *, as_json: bool) -> None:
    """Say how it ended, and serve the page."""
    from soloface.cli.demo.page import opened

    with opened(story.settings, story.pack, output) as page:
        story.steps.append(page.step)
        console.print(page.step.line())
        ending.say(
            as_json=as_json,
            url=page.url,
            doubtful=page.doubtful,
            env_file=str(page.env_file),
        )
        page.announce()
        # Ctrl-C before it listens to it is the same.
        with suppress(KeyboardInterrupt):
            page.serve()
        console.print("Stopped.")


@dataclass(frozen=True, slots=True)
class Ending:
    """What is said at the end; ``photos`` is the folder that keeps them, if they are kept."""

    story: Story
    sheet: Path
    photos: Path | None

    @property
    def is_good(self) -> bool:
        """Whether all was as expected."""
        answers, steps = self.story.answers, self.story.steps
        right = [one.as_expected for one in answers] + [one.as_expected for one in steps]
        return all(right) and not self.story.problems

    def say(self, *, as_json: bool, **more: object) -> None:
        """Print it; ``more`` is for scripts."""
        answers, steps, problems = self.story.answers, self.story.steps, self.story.problems
        if as_json:
            kept = {"photos": str(self.photos)} if self.photos else {}
            jobs = list(map(_as_dict, answers))
            done = [asdict(step) | {"as_expected": step.as_expected} for step in steps]
            print_json({"jobs": jobs, "second_act": done, "problems": problems, **kept, **more})
        for problem in problems:
            console.print(f"[red]✗[/] {problem}")
        right = sum(answer.as_expected for answer in answers)
        right_steps = sum(step.as_expected for step in steps)
        jobs_told = f"{counted(len(answers), 'job')}, {right} as expected"
        steps_told = f"{counted(len(steps), 'step')}, {right_steps} as expected"
        console.print(f"{jobs_told}; {steps_told}. Faces: {escape(str(self.sheet))}")
        if self.photos:
            console.print(f"The photos are in {escape(str(self.photos))}")


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
