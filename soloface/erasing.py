"""Everything that is known of a user or a photo goes: messages, kept photos, rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from uuid import UUID

from connectors.erasing import erase_kept
from connectors.jetstream.letters.erasure import erase_messages
from connectors.postgres.connection import Database
from connectors.postgres.photos.erasure import (
    Erased,
    Subject,
    has_withdrawn,
    is_listed,
)
from connectors.postgres.photos.erasure import erase as erase_rows
from connectors.postgres.session import Connection
from connectors.postgres.setup.schema import require_tables
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import DatabaseSettings, Settings


class NothingKnownError(ConfigurationError):
    """There is nothing to erase."""


def erase_everywhere(  # noqa: PLR0913 - each is a word of the command
    settings: Settings,
    subject: Subject,
    subject_id: UUID,
    *,
    row: bool,
    dry_run: bool,
    by: str | None,
) -> Erased:
    """Erase a user or a photo, streams first: a waiting job would bring the face back.

    Raises:
        NothingKnownError: there is nothing of the kind anywhere.
    """
    messages = asyncio.run(erase_messages(settings.nats, subject_id, dry_run=dry_run))
    with connected(settings.database) as connection:
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
        raise NothingKnownError(
            f"there is no {subject} {subject_id}, and soloface knows nothing about one"
        )
    elsewhere = {
        **{f"messages on {stream}": count for stream, count in messages.items()},
        f"objects in {settings.store.bucket}": kept,
    }
    return replace(erased, rows={**erased.rows, **elsewhere})


@contextmanager
def connected(settings: DatabaseSettings) -> Iterator[Connection]:
    """A connection to a database that has our tables.

    Raises:
        ConfigurationError: it has not.
    """
    with closing(Database(settings)) as database, database.connection() as connection:
        require_tables(connection)
        yield connection
