"""The people's way, run by Bytewax itself over people in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import orjson
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main
from structlog.testing import capture_logs

from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.enrolment import Enrolment, Judge, Status
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import DataError, TransientError
from dataflow.jobs.outcome import Retry
from dataflow.jobs.reason import Reason
from dataflow.persons.asked import Asked, NotAnyMoreError, SettledBeforeError, Tell
from dataflow.persons.ended import PersonSettled
from dataflow.persons.event import PersonEvent
from dataflow.persons.reason import PersonReason
from dataflow.persons.reception import PersonResult
from dataflow.persons.services import PeopleServices
from dataflow.pipeline import add_people
from dataflow.settings import EnrolmentSettings, Settings
from dataflow.steps.matching import Candidate
from tests.builders import POISON, FakePack, MemoryStore, delivery, picture, user
from tests.register import MemoryRegister

MAIN = cast("Callable[[Dataflow], None]", run_main)
SUBJECT = Settings().nats.people_requested_subject
WITHDRAWN = Settings().nats.people_withdrawn_subject
PHOTOS: dict[str, bytes | Exception | Callable[[], bytes]] = {
    **{f"{person}.png": picture(person=person) for person in range(4)},
    "two.png": picture(faces=2),
    "text.png": b"no picture",
    "poison.png": POISON,
    "late.png": TransientError("timeout"),
}


@dataclass
class TellingRegister(MemoryRegister):
    """Tells of what it stores, as the database's does."""

    tell: Tell | None = None

    def save(self, enrolments: Sequence[Enrolment], judge: Judge | None = None) -> list[Enrolment]:
        ended = super().save(enrolments, judge)
        for enrolment in ended:
            if self.tell and enrolment.status is Status.ENROLLED:
                self.tell(enrolment)
        return ended


@dataclass
class MemoryPeople:
    """People in memory: what ended once has ended; ``refusing`` says of whom nothing is wanted."""

    register_of_all: TellingRegister = field(default_factory=TellingRegister)
    noted: dict[str, PersonEvent] = field(default_factory=dict)
    gone: list[Asked] = field(default_factory=list)
    errors: dict[Any, Exception] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on_record(self, asked: Asked) -> tuple[Sequence[str], object]:
        if error := self.errors.get(asked.user_id):
            raise error
        if event := self.noted.get(asked.key):
            raise SettledBeforeError(event)
        return (), None

    def register(self, asked: Asked, seen: object, tell: Tell) -> TellingRegister:
        del seen

        def noted(enrolment: Enrolment) -> PersonEvent:
            self.noted[asked.key] = tell(enrolment)
            return self.noted[asked.key]

        return TellingRegister(users=self.register_of_all.users, tell=noted)

    def note(self, asked: Asked, event: PersonEvent) -> None:
        self.noted[asked.key] = event

    def withdraw(self, asked: Asked) -> Sequence[PersonEvent]:
        if error := self.errors.get(asked.user_id):
            raise error
        self.gone.append(asked)
        return []


def services(people: MemoryPeople) -> PeopleServices:
    return PeopleServices(
        Settings(enrolment=EnrolmentSettings(quality="off")),
        people,
        MemoryStore(PHOTOS),
        FakePack,
        lambda: ClashLimit(FakePack.threshold),
        cores=1,
    )


def asks(number: int, *refs: str, seq: int | None = None, **fields: object) -> Delivery:
    data = orjson.dumps({"user_id": user(number), "image_refs": refs, **fields})
    return replace(delivery(data, seq=seq or number), subject=SUBJECT)


def run(people: MemoryPeople, *came: Delivery) -> dict[int, PersonResult]:
    ends: list[PersonResult] = []
    flow = Dataflow("test")
    add_people(flow, TestingSource(list(came)), TestingSink(ends), services(people))
    with capture_logs():
        MAIN(flow)
    found = {end.delivery.stream_seq: end for end in ends}
    assert len(found) == len(ends) == len(came)
    return found


def test_each_request_ends_once_and_as_it_should() -> None:
    people = MemoryPeople(
        errors={user(8): DataError(Reason.WRITE_REJECTED, "no"), user(9): TransientError("away")}
    )
    people.errors[user(10)] = NotAnyMoreError(PersonReason.HAS_WITHDRAWN)
    # Whoever is there first is not refused for the other's sake, so the first has to be there.
    ends = run(people, asks(1, "1.png")) | run(
        people,
        asks(2, "two.png"),
        asks(3, "1.png"),
        asks(4, "poison.png"),
        asks(5, "late.png"),
        replace(delivery(b"{", seq=6), subject=SUBJECT),
        replace(delivery(orjson.dumps({"user_id": user(7)}), seq=7), subject=WITHDRAWN),
        asks(8, "2.png"),
        asks(9, "2.png"),
        asks(10, "2.png"),
    )
    assert {
        seq: end.reason if isinstance(end, PersonSettled) else None for seq, end in ends.items()
    } == {
        1: "enrolled",
        2: "no_usable_photo",
        3: "clashes_with_user",
        4: None,
        5: None,
        6: "malformed_payload",
        7: "erased",
        8: "write_rejected",
        9: None,
        10: "has_withdrawn",
    }
    assert all(isinstance(ends[seq], Retry) for seq in (4, 5, 9))
    assert people.register_of_all.users.keys() == {user(1)}
    assert [asked.user_id for asked in people.gone] == [user(7)]


def test_the_event_says_what_became_of_each_photo_as_it_was_named() -> None:
    refs = ("1.png", "two.png", "text.png", "none.png", "ftp://x/y")
    end = run(MemoryPeople(), asks(1, *refs, galleries=["school"], consent="1"))[1]
    assert isinstance(end, PersonSettled)
    assert end.event is not None
    assert {photo.image_ref: photo.reason for photo in end.event.photos} == {
        "1.png": "used",
        "two.png": "multiple_faces",
        "text.png": "image_undecodable",
        "none.png": "image_not_found",
        "ftp://x/y": "invalid_image_ref",
    }
    assert (end.event.galleries, end.event.consent) == (["school"], "1")


@pytest.mark.parametrize("request_id", [None, "r1"])
def test_what_comes_again_is_told_again_and_not_done_again(request_id: str | None) -> None:
    people = MemoryPeople()
    first = asks(1, "1.png", request_id=request_id)
    again = replace(first, attempt=2)
    if request_id:  # the publisher sent it twice
        again = asks(1, "1.png", seq=2, request_id=request_id)
    once, twice = run(people, first)[1], run(people, again)[again.stream_seq]
    assert isinstance(once, PersonSettled)
    assert isinstance(twice, PersonSettled)
    assert (once.repeated, twice.repeated) == (False, True)
    assert once.event == twice.event


def test_what_a_transaction_has_told_that_failed_is_not_the_end() -> None:
    @dataclass
    class Failing(TellingRegister):
        """Tells, cannot commit, and finds somebody else when it tries again."""

        def save(
            self, enrolments: Sequence[Enrolment], judge: Judge | None = None
        ) -> list[Enrolment]:
            del judge
            assert self.tell
            clash = Candidate(user(9), 0.1)
            for enrolment in enrolments:
                self.tell(enrolment)
            return [replace(e, status=Status.CLASHES, clash=clash) for e in enrolments]

    class Unlucky(MemoryPeople):
        def register(self, asked: Asked, seen: object, tell: Tell) -> TellingRegister:
            del asked, seen
            return Failing(tell=tell)

    end = run(Unlucky(), asks(1, "1.png"))[1]
    assert isinstance(end, PersonSettled)
    assert end.event
    assert (end.reason, end.event.outcome) == ("clashes_with_user", "refused")
    assert end.event.clash
    assert end.event.clash.user_id == user(9)
