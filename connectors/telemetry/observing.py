"""What the metrics tell of the worker's surroundings: dependencies, models, gallery."""

from __future__ import annotations

import threading
import time
from functools import partial

import structlog

from connectors.postgres.gallery.users import Gallery
from dataflow.faces.face import FacePack
from dataflow.jobs.errors import SolofaceError
from dataflow.process.health import Health
from dataflow.process.metrics import DEPENDENCIES, DEPENDENCY_UP, GALLERY_USERS, MODEL, READY
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


def keep_counting(gallery: Gallery, stop: threading.Event) -> threading.Thread:
    """Count the enrolled users now and then, on a thread that ends with the stop."""
    thread = threading.Thread(target=_count, args=(gallery, stop), name="gallery", daemon=True)
    thread.start()
    return thread


def _count(gallery: Gallery, stop: threading.Event) -> None:
    pause_s: float = 0
    while not stop.wait(pause_s):
        began = time.monotonic()
        try:
            count_gallery(gallery)
        except SolofaceError as error:
            log.debug("gallery_not_counted", error=str(error))
        gallery.database.close()  # a connection is too much to keep for so little use
        pause_s = max(LEAST_PAUSE_S, PAUSES_PER_COUNT * (time.monotonic() - began))
