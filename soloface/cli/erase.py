"""`soloface erase` and `soloface retention`: faces that shall not be known any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from soloface.cli.frame.output import JsonOption, confirm, counted, print_json, say
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.postgres.photos.erasure import Erased, Subject

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def erase(
    *,
    user: Annotated[UUID | None, typer.Option(help="A user's id in `users`.")] = None,
    photo: Annotated[UUID | None, typer.Option(help="A photo's id in `photos`.")] = None,
    row: Annotated[
        bool,
        typer.Option("--row", help="Also delete the row in your own table `users` or `photos`."),
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="Who asked for it: kept with the withdrawal, and told.")
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete everything that soloface knows about a user or a photo.

    Of a user: the enrolled face, where its photos are and those that `enroll --keep-photos` stored,
    the faces on photos that were matched to them, matches, outcomes, decisions. Of a photo: its
    faces, match, outcome, decisions. Of both: every message that names them on the streams of jobs,
    dead letters and events. Prints how many of each.

    A user has withdrawn with that, until `enroll --again`. Two things are kept so that it holds:
    the user's id, and the ids of the photos that showed them, which are printed too. No job looks
    at these photos again.

    The row in your own table stays unless you give --row. If a photo's row stays, a new job for it
    makes the worker recognise it again. Backups and logs of the servers keep old data until you
    rotate them.

    Exit code 1 if there is no such user or photo, and soloface knows nothing about one.
    """
    from soloface.erasing import erase_everywhere

    if (user is None) == (photo is None):
        raise typer.BadParameter("give --user UUID or --photo UUID")
    subject: Subject = "user" if user else "photo"
    subject_id = user or photo or UUID(int=0)
    settings = load_settings()
    if not dry_run and not yes:
        erased = erase_everywhere(settings, subject, subject_id, row=row, dry_run=True, by=by)
        if not as_json:
            _print(erased, dry_run=True)
        confirm(f"Erase the {subject} {subject_id} for good?")
    erased = erase_everywhere(settings, subject, subject_id, row=row, dry_run=dry_run, by=by)
    if as_json:
        print_json(
            {
                subject: subject_id,
                "by": by,
                "at": datetime.now(UTC),
                "dry_run": dry_run,
                "erased": erased.rows,
                **({"photos": erased.photo_ids} if user else {}),
            }
        )
    else:
        _print(erased, dry_run=dry_run)
        if by:
            say(f"asked for by {by}")


def retention(
    *,
    unmatched_after: Annotated[
        int, typer.Option(min=0, metavar="DAYS", help="How many days to keep such a face.")
    ],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete old faces on photos that matched nobody.

    Their outcomes stay, without a vector: they still say why a photo was not tagged. Run it every
    day. With 0 days it deletes all of them, so it asks first.
    """
    from connectors.postgres.photos.erasure import count_unmatched, drop_unmatched
    from soloface.erasing import connected

    before = datetime.now(UTC) - timedelta(days=unmatched_after)
    with connected(load_settings().database) as connection:
        if dry_run:
            dropped = count_unmatched(connection, before)
        else:
            if not (unmatched_after or yes):
                count = counted(count_unmatched(connection, before), "face")
                confirm(f"Drop {count} that matched nobody, of any age?")
            dropped = sum(drop_unmatched(connection, before))
    if as_json:
        print_json({"dry_run": dry_run, "dropped": dropped, "before": before})
    else:
        done = "would drop" if dry_run else "dropped"
        days = counted(unmatched_after, "day")
        say(f"{done} {counted(dropped, 'face')} older than {days}")


def _print(erased: Erased, *, dry_run: bool) -> None:
    for what, count in erased.rows.items():
        done = "would erase" if dry_run else "erased"
        say(f"{done} {count:6} {what}")
    if erased.photo_ids:
        some = counted(len(erased.photo_ids), "photo")
        say(f"{some} showed the user, and no job looks at them again:")
    for photo_id in erased.photo_ids:
        say(f"  {photo_id}")
