"""`soloface erase` and `soloface retention`: faces that shall not be known any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.output import JsonOption, confirm, counted, print_json, say
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.postgres.photos.erasure import Erased, Subject
    from connectors.postgres.session import Connection
    from dataflow.settings import DatabaseSettings, Settings

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
    if (user is None) == (photo is None):
        raise typer.BadParameter("give --user UUID or --photo UUID")
    subject: Subject = "user" if user else "photo"
    subject_id = user or photo or UUID(int=0)
    settings = load_settings()
    if not dry_run and not yes:
        erased = _erase(settings, subject, subject_id, row=row, dry_run=True, by=by)
        if not as_json:
            _print(erased, dry_run=True)
        confirm(f"Erase the {subject} {subject_id} for good?")
    erased = _erase(settings, subject, subject_id, row=row, dry_run=dry_run, by=by)
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

    before = datetime.now(UTC) - timedelta(days=unmatched_after)
    with _connected(load_settings().database) as connection:
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


def _erase(
    settings: Settings,
    subject: Subject,
    subject_id: UUID,
    *,
    row: bool,
    dry_run: bool,
    by: str | None,
) -> Erased:
    """Streams first: a job that is still waiting would bring the face back.

    Raises:
        ConfigurationError: there is nothing of the kind anywhere.
    """
    from connectors.erasing import erase_kept
    from connectors.jetstream.letters.erasure import erase_messages
    from connectors.postgres.photos.erasure import erase as erase_rows
    from connectors.postgres.photos.erasure import has_withdrawn, is_listed

    messages = asyncio.run(erase_messages(settings.nats, subject_id, dry_run=dry_run))
    with _connected(settings.database) as connection:
        kept = 0
        if subject == "user":
            # Before the rows: where the store refuses, they still tell what there is.
            kept = erase_kept(settings, connection, subject_id, dry_run=dry_run)
        is_known = is_listed(connection, subject, subject_id) or bool(kept)
        is_known |= any(messages.values())
        if subject == "user":
            is_known |= has_withdrawn(connection, subject_id)
        erased = erase_rows(
            connection, subject, subject_id, row=row, dry_run=dry_run, by=by, is_known=is_known
        )
    if not is_known and not any(erased.rows.values()):
        raise ConfigurationError(
            f"there is no {subject} {subject_id}, and soloface knows nothing about one"
        )
    elsewhere = {
        **{f"messages on {stream}": count for stream, count in messages.items()},
        f"objects in {settings.store.bucket}": kept,
    }
    return replace(erased, rows={**erased.rows, **elsewhere})


@contextmanager
def _connected(settings: DatabaseSettings) -> Iterator[Connection]:
    from connectors.postgres.connection import Database
    from connectors.postgres.setup.schema import require_tables

    with closing(Database(settings)) as database, database.connection() as connection:
        require_tables(connection)
        yield connection


def _print(erased: Erased, *, dry_run: bool) -> None:
    for what, count in erased.rows.items():
        done = "would erase" if dry_run else "erased"
        say(f"{done} {count:6} {what}")
    if erased.photo_ids:
        some = counted(len(erased.photo_ids), "photo")
        say(f"{some} showed the user, and no job looks at them again:")
    for photo_id in erased.photo_ids:
        say(f"  {photo_id}")
