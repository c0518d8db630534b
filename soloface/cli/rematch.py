"""`soloface rematch`: match recorded faces again by hand, or say what that would change."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.dlq.letters import moment
from soloface.cli.frame.galleries import gallery_of
from soloface.cli.frame.limits import rules_of_workers, say_limits
from soloface.cli.frame.output import (
    JsonOption,
    complain,
    counted,
    plain_table,
    print_json,
    progress,
    say,
    show_tables,
)
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from connectors.postgres.connection import Database
    from connectors.postgres.tags.answers import Answer
    from connectors.postgres.tags.deciding import Rules
    from connectors.postgres.tags.rematching import Rematching
    from connectors.postgres.tags.requests import Wish
    from dataflow.settings import Settings

_SHOWN = 5
_CHANGES = ("gained", "lost", "moved")
_LOOK_S = 0.25
"""How often it looks how far a worker is that has the turn."""
_TRIES, _STEP_S = 20, 0.2
"""Of a step that waits for somebody's lock."""


@dataclass(slots=True)
class Report:
    """What this process decided. ``helped``: other processes did some of it."""

    photos: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    examples: list[Answer] = field(default_factory=list)
    helped: bool = False

    def add(self, answers: Collection[Answer]) -> None:
        """Count what would be decided, and keep a few examples of changes."""
        changed = [answer for answer in answers if answer.change]
        self.photos += len(answers)
        self.changes.update(str(answer.change) for answer in changed)
        self.examples += changed[: _SHOWN - len(self.examples)]

    def as_dict(self) -> dict[str, object]:
        """For a script."""
        return {
            "photos": self.photos,
            **{change: self.changes[change] for change in _CHANGES},
            "by_others_too": self.helped,
        }

    def told(self) -> str:
        """For people."""
        done = f"{counted(self.photos, 'photo')} decided again; tags: {self}"
        return f"{done}; workers did a part of it, not counted here" if self.helped else done

    def __str__(self) -> str:
        return ", ".join(f"{self.changes[change]} {change}" for change in _CHANGES)


def rematch(
    *,
    user: Annotated[
        list[UUID] | None,
        typer.Option(help="The faces that this user may change. May be given several times."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All faces of the users' pack.")
    ] = False,
    gallery: Annotated[
        str | None, typer.Option(help="All faces that belong to this gallery.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=moment,
            metavar="TIME",
            help="The faces that were recorded or changed since then: a time, or how long ago, "
            "like 3d.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Match recorded faces again with the enrolled users, by the limits of the workers.

    Workers do this by themselves whenever users, decisions or limits change. No image is read: the
    vectors of the faces are in the database. Safe beside running workers, to interrupt, and to run
    again: what is not done yet still waits, and a worker or the next run finishes it.
    """
    from connectors.postgres.connection import Database
    from connectors.postgres.tags.requests import Requests, Wish

    if [bool(user), everything, gallery is not None, since is not None].count(True) != 1:
        raise typer.BadParameter("give --user UUID, --gallery NAME, --all or --since TIME")
    name = None if gallery is None else gallery_of(gallery, "--gallery")
    wish = Wish(tuple(dict.fromkeys(user or ())), since, name)
    settings = load_settings()
    with closing(Database(settings.database)) as database, progress(hidden=as_json) as bar:
        if unknown := Requests(database).unknown(wish.user_ids):
            raise ConfigurationError(f"there is no user {', '.join(map(str, unknown))}")
        rules = rules_of_workers(settings, database)
        if dry_run:
            report = _foretold(database, wish, rules, bar)
        else:
            ids = Requests(database).leave(wish, rules.model)
            report = work_off(settings, rules, ids, bar)
    if as_json:
        print_json(_as_dict(report, rules, dry_run=dry_run))
    else:
        _print(report, rules, dry_run=dry_run, whole=everything)


def work_off(settings: Settings, rules: Rules, ids: Iterable[int], bar: Progress) -> Report:
    """Do what waits until some requests are done, in turn with the workers.

    Args:
        settings: where the database is.
        rules: what decides, where no worker has noted anything else.
        ids: of the rows of `face_rematches`.
        bar: shows how far it is, also where a worker is at it.
    """
    from connectors.postgres.connection import Database
    from connectors.postgres.tags.rematching import Rematching

    rematching = Rematching(Database(settings.database), Database(settings.database), rules)
    with closing(rematching):
        try:
            return _worked_off(rematching, list(ids), bar)
        except KeyboardInterrupt:
            complain("what is not done yet still waits: a worker or the next run finishes it")
            raise


def _worked_off(rematching: Rematching, ids: list[int], bar: Progress) -> Report:
    from connectors.postgres.tags.requests import Requests
    from dataflow.process.retry import LinearBackoff

    backoff, requests, report = (
        LinearBackoff(_TRIES, _STEP_S),
        Requests(rematching.database),
        Report(),
    )
    task = bar.add_task("Matching again", total=None)
    looked = blocks = 0
    took_part = False
    while True:
        piece = backoff.call(rematching.step)
        if piece and not set(ids).isdisjoint(piece.ids):
            report.photos += piece.photos
            report.changes += piece.changes
            looked += piece.looked
            took_part = True
        far = requests.progress(ids)
        if far is None:
            report.helped = looked < blocks or not took_part
            return report
        blocks = far.blocks
        bar.update(task, completed=far.place, total=max(blocks, 1))
        if piece is None:
            time.sleep(_LOOK_S)


def _foretold(database: Database, wish: Wish, rules: Rules, bar: Progress) -> Report:
    from connectors.postgres.tags.foretelling import foretell

    report, task = Report(), bar.add_task("Looking", total=None)
    for glimpse in foretell(database, wish, rules):
        report.add(glimpse.answers)
        bar.update(task, completed=glimpse.done, total=max(glimpse.total, 1))
    return report


def _as_dict(report: Report, rules: Rules, *, dry_run: bool) -> dict[str, object]:
    examples = [
        {
            "photo_id": answer.photo_id,
            "change": answer.change,
            "user_id": answer.now,
            "previous_user_id": answer.before,
            "reason": answer.reason,
            "distance": answer.match.distance if answer.match else None,
        }
        for answer in report.examples
    ]
    return {
        "dry_run": dry_run,
        "model": rules.model,
        "limits": rules.policy.limits,
        **report.as_dict(),
        **({"examples": examples} if dry_run else {}),
    }


def _print(report: Report, rules: Rules, *, dry_run: bool, whole: bool) -> None:
    say_limits(rules)
    if not report.photos and report.helped:
        say("workers were faster: they have decided it all again; not counted here")
        return
    if whole and not report.photos:
        say(f"no face of {rules.model} is recorded, so there is nothing to match again")
        return
    if dry_run:
        photos = counted(report.photos, "photo")
        say(f"{photos} would be decided again; of the tags would be: {report}")
        if report.examples:
            show_tables(_examples(report.examples))
        return
    say(report.told())


def _examples(answers: Iterable[Answer]) -> Table:
    table = plain_table("photo", "tagged", "would be", "distance", right=["distance"])
    for answer in answers:
        distance = answer.match.distance if answer.match else None
        table.add_row(
            str(answer.photo_id),
            str(answer.before or "nobody"),
            str(answer.now or f"nobody ({answer.reason})"),
            "" if distance is None else f"{distance:.4f}",
        )
    return table
