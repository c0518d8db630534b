"""Doing what a request about a person asks: enrolling, or forgetting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

import structlog

from dataflow.faces.face import FacePack
from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import Enrolment, Examiner, Offer, Status
from dataflow.jobs.errors import DataError, Stopped, TransientError, UnwantedError
from dataflow.jobs.outcome import Gone, Retry, sent_back
from dataflow.persons.asked import (
    Asked,
    ChangedMeanwhileError,
    NotAnyMoreError,
    People,
    SettledBeforeError,
    asked_by,
)
from dataflow.persons.ended import PersonSettled, event_of
from dataflow.persons.event import UNCHANGED, USED, OtherUser, PersonEvent, PhotoOutcome
from dataflow.persons.photos import InTurn, Looking, PhotoReader, in_full
from dataflow.persons.reason import PersonReason
from dataflow.persons.request import EnrolRequest, PersonRequest
from dataflow.process.crew import Crew
from dataflow.steps.fetching import Fetching
from dataflow.steps.matching import Candidate

log = structlog.get_logger()

PersonResult: TypeAlias = PersonSettled | Retry | Gone

_REASONS = {
    Status.ENROLLED: PersonReason.ENROLLED,
    Status.UNCHANGED: PersonReason.UNCHANGED,
    Status.NO_USABLE_PHOTO: PersonReason.NO_USABLE_PHOTO,
    Status.CLASHES: PersonReason.CLASHES,
    Status.UNKNOWN_USER: PersonReason.UNKNOWN_USER,
    Status.WITHDRAWN: PersonReason.HAS_WITHDRAWN,
}
_ENROLLED = frozenset({Status.ENROLLED, Status.UNCHANGED})
_WORDS = {
    PersonReason.NO_USABLE_PHOTO: "no photo can be used",
    PersonReason.CLASHES: "another user is so near that both must be one person",
    PersonReason.UNKNOWN_USER: "`users` has no such row, and needs more than an id to add one",
    PersonReason.HAS_WITHDRAWN: "the user has withdrawn; a later request with a consent enrols "
    "again",
    PersonReason.SUPERSEDED: "a later request has been done already",
}


@dataclass(frozen=True, slots=True)
class Reception:
    """Does requests, each in a thread of its own.

    ``crew`` computes, and is waited for by its own deadline. ``stream`` is where requests come
    from, ``clashes`` how near another user may be.
    """

    people: People
    fetching: Fetching
    pack: Callable[[], FacePack]
    clashes: Callable[[], ClashLimit]
    crew: Crew
    quality: str
    bystanders: str
    max_pixels: int
    stream: str
    retry_delay_s: float
    gallery_required: bool = False

    def settle(self, request: PersonRequest, given_up: Callable[[], bool]) -> PersonResult:
        """Do one, and say how it ended. ``given_up`` says that nobody waits for the answer."""
        delivery, job = request.delivery, request.job
        try:
            event = self._done(request, given_up)
        except SettledBeforeError as error:
            event = error.event
            return PersonSettled(delivery, job, event.reason, event.detail, event, repeated=True)
        except UnwantedError as error:
            return Gone(delivery, job, str(error))
        except DataError as error:
            return PersonSettled(delivery, job, PersonReason.WRITE_REJECTED, str(error))
        except (TransientError, Stopped) as error:
            return sent_back(delivery, job, error, self.retry_delay_s)
        except Exception as error:
            # One request must not stop the flow: it comes back, and is given up after a few times.
            log.exception("request_failed", **job.names)
            return sent_back(delivery, job, error, self.retry_delay_s)
        return PersonSettled(delivery, job, event.reason, event.detail, event)

    def _done(self, request: PersonRequest, given_up: Callable[[], bool]) -> PersonEvent:
        asked = asked_by(request)
        try:
            if isinstance(request.job, EnrolRequest):
                enrolment, event = self._enrolled(asked, request, request.job, given_up)
                if enrolment.status is Status.ENROLLED:
                    return event  # it was noted with the enrolment itself
            else:
                for later in self.people.withdraw(asked):
                    self._do_again(later, request, given_up)
                event = self._event(request, PersonReason.ERASED)
        except NotAnyMoreError as error:
            event = self._event(request, error.reason)
        self.people.note(asked, event)
        return event

    def _do_again(
        self, event: PersonEvent, late: PersonRequest, given_up: Callable[[], bool]
    ) -> None:
        """Enrol somebody again who was enrolled before a withdrawal that is the earlier request."""
        job = EnrolRequest(
            user_id=late.job.user_id,
            image_refs=[photo.image_ref for photo in event.photos if not photo.on_record],
            galleries=event.galleries,
            consent=event.consent,
            append=event.append,
            request_id=event.request_id,
        )
        delivery = replace(
            late.delivery, stream_seq=event.stream_seq, published_at=event.published_at
        )
        request = PersonRequest(delivery, job)
        with suppress(NotAnyMoreError):
            self._enrolled(replace(asked_by(request), again=True), request, job, given_up)

    def _enrolled(
        self,
        asked: Asked,
        request: PersonRequest,
        job: EnrolRequest,
        given_up: Callable[[], bool],
    ) -> tuple[Enrolment, PersonEvent]:
        while True:
            with suppress(ChangedMeanwhileError):
                return self._tried(asked, request, job, given_up)

    def _tried(
        self,
        asked: Asked,
        request: PersonRequest,
        job: EnrolRequest,
        given_up: Callable[[], bool],
    ) -> tuple[Enrolment, PersonEvent]:
        """Enrol as things stand now.

        Raises:
            ChangedMeanwhileError: they stand otherwise by the end; nothing was stored.
        """
        known, seen = self.people.on_record(asked)
        given = {in_full(ref, self.fetching.refs): ref for ref in job.image_refs}
        photos = tuple(dict.fromkeys((*known, *given)))
        noted: list[PersonEvent] = []

        def tell(enrolment: Enrolment) -> PersonEvent:
            noted.append(self._event_of(request, job, enrolment, given, photos))
            return noted[-1]

        reader = PhotoReader(self.fetching, request.delivery, job.names, frozenset(known), given_up)
        looking = Looking(self.crew, request.delivery)
        enroller = Enroller(
            Examiner(self.pack(), reader, self.max_pixels, self.quality, self.bystanders, looking),
            self.people.register(asked, seen, tell),
            InTurn(),
            self.clashes(),
            gallery_required=self.gallery_required,
        )
        [enrolment] = enroller.enrol(
            [Offer(job.user_id, photos, job.consent, asked.galleries or ())]
        )
        # What was noted may be of a transaction that failed, before one that refused.
        stored = enrolment.status is Status.ENROLLED
        return enrolment, noted[-1] if stored else tell(enrolment)

    def _event_of(
        self,
        request: PersonRequest,
        job: EnrolRequest,
        enrolment: Enrolment,
        given: Mapping[str, str],
        photos: Sequence[str],
    ) -> PersonEvent:
        def outcome(photo: str, reason: str, detail: str = "") -> PhotoOutcome:
            return PhotoOutcome(given.get(photo, photo), reason, detail, photo not in given)

        is_unchanged = enrolment.status is Status.UNCHANGED
        return replace(
            self._event(request, _REASONS[enrolment.status]),
            photos=[
                *(outcome(portrait.photo, USED) for portrait in enrolment.used),
                *(outcome(r.photo, r.reason, r.detail) for r in enrolment.refused),
                # Which they are matters to earlier requests that come late.
                *(outcome(photo, UNCHANGED) for photo in photos if is_unchanged),
            ],
            clash=_other(enrolment.clash),
            possibly_also=_other(enrolment.alike),
            append=job.append,
            galleries=job.galleries if enrolment.status in _ENROLLED else None,
            consent=job.consent,
        )

    def _event(self, request: PersonRequest, reason: PersonReason) -> PersonEvent:
        ended = PersonSettled(request.delivery, request.job, reason, _WORDS.get(reason, ""))
        model = self.pack().contract.id
        event = event_of(ended, self.stream, model, datetime.now(UTC))
        return replace(event, by=asked_by(request).by)


def _other(user: Candidate | None) -> OtherUser | None:
    return OtherUser(user.user_id, max(0.0, user.distance)) if user else None
