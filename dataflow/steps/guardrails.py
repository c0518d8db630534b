"""Step 2: is there anything to do for this job? One look-up for a whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from dataflow.jobs.errors import Stopped, TransientError
from dataflow.jobs.outcome import Match, Retry, Settled, sent_back
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Request


@dataclass(frozen=True, slots=True)
class PastOutcome:
    """How the last job of a photo ended, and which job that was."""

    stream_seq: int
    published_at: datetime
    reason: Reason
    detail: str
    match: Match | None


@dataclass(frozen=True, slots=True)
class PhotoState:
    """What the database knows of a photo.

    ``withdrawn``: its face was erased with its user, or was about to be recorded for one.
    """

    exists: bool
    matched: bool
    past: PastOutcome | None
    withdrawn: bool = False


class PhotoRegistry(Protocol):
    """The platform's photos."""

    def states(self, photo_ids: Sequence[UUID]) -> Mapping[UUID, PhotoState]:
        """Look all of them up at once; every id is in the answer.

        Raises:
            TransientError: the database kept failing.
            Stopped: it cannot be reached and a stop was asked for.
        """


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The checks that cost nothing beside a look at the image.

    With ``gallery_required`` each job has to name a gallery. ``grace_s`` is how long a photo may be
    unknown after its job was published: the job may overtake the transaction that inserts it.
    """

    photos: PhotoRegistry
    grace_s: float
    retry_delay_s: float
    now: Callable[[], datetime] = _now
    gallery_required: bool = False

    def check(self, requests: Sequence[Request]) -> Iterator[Request | Settled | Retry]:
        """Let pass what is worth fetching, in the order it came."""
        hinted = [self._skipped_at_once(request) for request in requests]
        asked = {r.job.photo_id for r, skip in zip(requests, hinted, strict=True) if not skip}
        try:
            states = self.photos.states(sorted(asked)) if asked else {}
        except (Stopped, TransientError) as error:
            yield from (sent_back(r.delivery, r.job, error, self.retry_delay_s) for r in requests)
            return
        for request, skip in zip(requests, hinted, strict=True):
            yield skip or self._judge(request, states[request.job.photo_id])

    def _skipped_at_once(self, request: Request) -> Settled | None:
        if self.gallery_required and request.job.gallery is None:
            return Settled(request.delivery, request.job, Reason.MISSING_GALLERY)
        return hint_says_skip(request)

    def _judge(self, request: Request, state: PhotoState) -> Request | Settled | Retry:
        delivery, job = request.delivery, request.job
        past = state.past
        if past and (past.stream_seq, past.published_at) == (
            delivery.stream_seq,
            delivery.published_at,
        ):
            return Settled(delivery, job, past.reason, past.detail, past.match, repeated=True)
        if not state.exists:
            age = self.now() - delivery.published_at
            if age < timedelta(seconds=self.grace_s):
                return Retry(delivery, job, "photo not found yet", self.grace_s)
            return Settled(delivery, job, Reason.PHOTO_NOT_FOUND)
        if state.matched:
            return Settled(delivery, job, Reason.ALREADY_MATCHED)
        if state.withdrawn:
            return Settled(delivery, job, Reason.WITHDRAWN)
        return request


def hint_says_skip(request: Request) -> Settled | None:
    """Judge by the job alone."""
    delivery, job = request.delivery, request.job
    if job.faces_detected is not None and job.faces_detected != 1:
        detail = f"faces_detected is {job.faces_detected}"
        return Settled(delivery, job, Reason.NOT_SINGLE_FACE_HINT, detail)
    if not (job.image_ref and job.image_ref.strip()):
        return Settled(delivery, job, Reason.MISSING_IMAGE_REF)
    return None
