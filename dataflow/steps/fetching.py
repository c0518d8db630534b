"""Step 3: get the image's bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from dataflow.jobs.errors import DataError, Stopped, TransientError
from dataflow.jobs.image_ref import ImageRef, RefPolicy
from dataflow.jobs.outcome import Retry, Settled, sent_back
from dataflow.process.retry import Persistence
from dataflow.steps.request import Fetched, Request

log = structlog.get_logger()


class ObjectStore(Protocol):
    """Where the images are. Safe to share between threads."""

    def read(self, ref: ImageRef) -> bytes:
        """Read a whole object.

        Raises:
            DataError: ``image_not_found`` or ``image_too_large``.
            TransientError: this try failed.
            SystemicError: the store cannot be used.
        """


@dataclass(frozen=True, slots=True)
class Fetching:
    """Fetches images. ``retry_delay_s`` times the attempt delays a nak."""

    store: ObjectStore
    refs: RefPolicy
    persistence: Persistence
    retry_delay_s: float

    def fetch(self, request: Request) -> Fetched | Settled | Retry:
        """Fetch one; from many threads at a time."""
        delivery, job = request.delivery, request.job
        try:
            ref = self.refs.parse(job.image_ref or "")
            image = self.persistence.call(partial(self.store.read, ref), "object store")
        except DataError as error:
            return Settled(delivery, job, error.reason, str(error))
        except (TransientError, Stopped) as error:
            return sent_back(delivery, job, error, self.retry_delay_s)
        except Exception as error:
            # One job must not stop the flow: it comes back, and is given up after a few times.
            log.exception("fetch_failed", photo_id=str(job.photo_id))
            return sent_back(delivery, job, error, self.retry_delay_s)
        return Fetched(delivery, job, image)
