"""What the metrics tell of the worker's surroundings: dependencies, models, gallery."""

from __future__ import annotations

import threading
import time
from functools import partial
from math import nan

import structlog

from connectors.postgres.gallery.users import Gallery
from connectors.postgres.photos.following import follow_gallery
from connectors.postgres.photos.limits import limits_of
from connectors.postgres.tags.outbox import Outbox
from dataflow.faces.face import FacePack
from dataflow.jobs.errors import SolofaceError
from dataflow.process.health import Health
from dataflow.process.metrics import (
    DEPENDENCIES,
    DEPENDENCY_UP,
    GALLERY_USERS,
    MATCH_LIMIT,
    MODEL,
    OUTBOX_AGE,
    OUTBOX_CHANGES,
    READY,
)
from dataflow.settings import ModelSettings

log = structlog.get_logger()

LEAST_PAUSE_S = 15
PAUSES_PER_COUNT = 100
"""Counting a gallery of millions reads all of it, so it may take one percent of the time."""
UNKNOWN = "unknown"


def describe_health(health: Health) -> None:
    """Say at each scrape what can be used, and whether everything can."""
    READY.set_function(lambda: not health.causes())
    for dependency in DEPENDENCIES:
        DEPENDENCY_UP.labels(dependency).set_function(partial(_is_up, health, dependency))


def _is_up(health: Health, dependency: str) -> bool:
    return all(cause.name != dependency for cause in health.causes())


def describe_model(pack: FacePack, settings: ModelSettings) -> None:
    """Say which models are in use."""
    MODEL.info(
        {
            "contract": pack.contract.id,
            "dimension": str(pack.contract.dimension),
            "providers": ",".join(settings.providers),
            "threshold": f"{pack.threshold:g}",
        }
    )


def count_gallery(gallery: Gallery) -> None:
    """Count the enrolled users once.

    Raises:
        SolofaceError: the database does not answer.
    """
    sizes = {str(model or UNKNOWN): count for model, count in gallery.sizes().items()}
    for metric in GALLERY_USERS.collect():
        for sample in metric.samples:
            sizes.setdefault(sample.labels["model"], 0)
    for model, count in sizes.items():
        GALLERY_USERS.labels(model).set(count)


def follow(gallery: Gallery, model: str) -> None:
    """Say what the limit is, after having brought it to the number of users.

    Whoever matches again after a change of users does that already, but for an older worker.

    Raises:
        SolofaceError: the database does not answer.
    """
    with gallery.database.connection() as connection:
        with connection.transaction():
            follow_gallery(connection, model)
        noted = limits_of(connection, model)
    limit = noted.policy.max_distance if noted else None
    MATCH_LIMIT.labels(model).set(nan if limit is None else limit)


def measure_outbox(outbox: Outbox) -> None:
    """Look once what waits to be told; not a number where that cannot be seen."""
    try:
        state: tuple[float, float] = outbox.state()
    except SolofaceError as error:
        log.debug("outbox_not_measured", error=str(error))
        state = nan, nan
    for gauge, value in zip((OUTBOX_CHANGES, OUTBOX_AGE), state, strict=True):
        gauge.set(value)


def keep_counting(
    gallery: Gallery, outbox: Outbox, model: str, stop: threading.Event
) -> threading.Thread:
    """Count users and what waits in the outbox now and then, on a thread that ends with the stop.

    Both over the same database. ``model`` is the contract of those users by whom the limit goes.
    """
    thread = threading.Thread(
        target=_count, args=(gallery, outbox, model, stop), name="gallery", daemon=True
    )
    thread.start()
    return thread


def _count(gallery: Gallery, outbox: Outbox, model: str, stop: threading.Event) -> None:
    pause_s: float = 0
    while not stop.wait(pause_s):
        began = time.monotonic()
        try:
            count_gallery(gallery)
            follow(gallery, model)
        except SolofaceError as error:
            log.debug("gallery_not_counted", error=str(error))
        measure_outbox(outbox)
        gallery.database.close()  # a connection is too much to keep for so little use
        pause_s = max(LEAST_PAUSE_S, PAUSES_PER_COUNT * (time.monotonic() - began))
