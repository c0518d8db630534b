"""Step 3: get the image's bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog

from dataflow.jobs.delivery import SUSPECT_FROM, Delivery
from dataflow.jobs.errors import DataError, Stopped, TransientError, UnprovenError, UnwantedError
from dataflow.jobs.image_ref import ImageRef, RefPolicy
from dataflow.jobs.outcome import Gone, Retry, Settled, sent_back
from dataflow.process.retry import Persistence
from dataflow.steps.request import Fetched, Request

log = structlog.get_logger()


class ObjectStore(Protocol):
    """Where the images are. Safe to share between threads."""

    def read(self, ref: ImageRef) -> bytes:
        """Read a whole object.

        Raises:
            DataError: ``image_not_found``, ``image_unreadable`` or ``image_too_large``.
            TransientError: this try failed.
            SystemicError: the store cannot be used.
            UnprovenError: it refuses this object, and none was read before.
        """


Wanted = Callable[[Delivery], bool]


def always_wanted(delivery: Delivery) -> bool:
    """Nobody takes a job away from under a worker."""
    del delivery
    return True


@dataclass(frozen=True, slots=True)
class Fetching:
    """Fetches images. ``retry_delay_s`` times the attempt delays a nak.

    ``wanted`` says whether a job that is held for long is still on the stream.
    """

    store: ObjectStore
    refs: RefPolicy
    persistence: Persistence
    retry_delay_s: float
    wanted: Wanted = always_wanted

    def fetch(self, request: Request) -> Fetched | Settled | Retry | Gone:
        """Fetch one; from many threads at a time."""
        delivery, job = request.delivery, request.job
        try:
            ref = self.refs.parse(job.image_ref or "")
            names = {"photo_id": str(job.photo_id), "image_ref": job.image_ref}
            image = self.read(ref, delivery, names)
        except DataError as error:
            return Settled(delivery, job, error.reason, str(error))
        except UnwantedError as error:
            return Gone(delivery, job, str(error))
        except (TransientError, Stopped) as error:
            return replace(sent_back(delivery, job, error, self.retry_delay_s), harmless=True)
        except Exception as error:
            # One job must not stop the flow: it comes back, and is given up after a few times.
            log.exception("fetch_failed", photo_id=str(job.photo_id))
            return sent_back(delivery, job, error, self.retry_delay_s)
        return Fetched(delivery, job, image)

    def read(self, ref: ImageRef, delivery: Delivery, names: Mapping[str, str | None]) -> bytes:
        """Read an object for a job, which ``names`` tells in the log while it is held.

        Raises:
            DataError: it cannot be read, whoever tries.
            TransientError, Stopped: not now.
            UnwantedError: nobody waits for the job any more.
        """
        return self._patience(delivery).call(
            partial(self._read, ref, delivery),
            "object store",
            {**names, "stream_seq": delivery.stream_seq, "deliveries": delivery.attempt},
            partial(self.wanted, delivery),
        )

    def _patience(self, delivery: Delivery) -> Persistence:
        if delivery.attempt < SUSPECT_FROM:
            return self.persistence
        # A job that is tried alone keeps all others waiting.
        once = replace(self.persistence.backoff, tries=1)
        return replace(self.persistence, backoff=once)

    def _read(self, ref: ImageRef, delivery: Delivery) -> bytes:
        """Read the object.

        Before anything was read, nobody can tell a forbidden store from a bad key. So a job gives
        way to others at first, of which one may show what is the matter, and is held in the end.
        """
        try:
            return self.store.read(ref)
        except UnprovenError as error:
            if delivery.attempt < SUSPECT_FROM:
                raise TransientError(str(error)) from error
            raise
