"""Objects that could be read lately: of the faces that were recorded last, or of enrolments."""

from __future__ import annotations

import threading
from contextlib import closing

import structlog

from connectors.postgres.connection import Database
from connectors.postgres.sql_files import query
from dataflow.jobs.errors import DataError, SolofaceError
from dataflow.jobs.image_ref import ImageRef, RefPolicy
from dataflow.settings import Settings

MOST = 20

log = structlog.get_logger()


def read_lately(
    settings: Settings,
    bucket: str | None = None,
    stop: threading.Event | None = None,
    *,
    of_enrolments: bool = False,
) -> list[ImageRef]:
    """The newest of them, in one bucket or in any; none where the database does not tell.

    On a connection of its own, as it is asked seldom and from any thread. A login that enrols may
    not look at faces, but at the photos ``of_enrolments``.
    """
    newest = query("enrolled_lately") if of_enrolments else query("read_lately")
    store = settings.store
    policy = RefPolicy(store.bucket, store.buckets, store.prefixes)
    try:
        with (
            closing(Database(settings.database, stop)) as database,
            database.connection() as connection,
        ):
            rows = connection.execute(newest, {"most": MOST}).fetchall()
    except SolofaceError as error:
        log.debug("read_lately_unknown", error=str(error))
        return []
    found = []
    for (image_ref,) in rows:
        try:
            ref = policy.parse(image_ref)
        except DataError:
            continue  # the settings have changed since
        if bucket in {None, ref.bucket} and ref not in found:
            found.append(ref)
    return found
