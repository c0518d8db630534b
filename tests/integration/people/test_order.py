"""The end is that of the requests in their order, in whatever order and how often they come."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import cv2
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.postgres.connection import Database
from connectors.postgres.people.register import PeopleRegister
from connectors.postgres.setup.migrate import migrate
from dataflow.faces.face import FacePack
from dataflow.gallery.clashes import ClashLimit
from dataflow.jobs.image_ref import RefPolicy
from dataflow.persons.ended import PersonSettled
from dataflow.persons.reception import Reception
from dataflow.persons.request import PersonRequest
from dataflow.persons.services import PeopleServices
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.settings import DatabaseSettings, EnrolmentSettings, Settings
from tests.builders import DIMENSION, PUBLISHED, FakePack, MemoryStore, delivery

BUCKET = "images"


def selfie(number: int) -> bytes:
    """One face, the same person's; no two are the same file."""
    pixels = np.full((8, 8, 3), (1, 0, number), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


PHOTOS = {f"{number}.png": selfie(number) for number in range(1, 20)}


@dataclass(frozen=True, slots=True)
class Step:
    """One request: a withdrawal, or an enrolment by a photo of its own."""

    withdraws: bool = False
    append: bool = False
    consents: bool = False
    further: tuple[str, ...] = ()
    """More photos, after its own."""
    at: datetime | None = None
    """When it is published, if not by its number."""
    request_id: str | None = None


@dataclass
class Place:
    """Requests are done here, by the real database."""

    database: Database
    elsewhere: list[UUID] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        stop = threading.Event()
        people = PeopleRegister(
            self.database,
            Persistence(LinearBackoff(tries=3, step_s=0.01), stop),
            lambda: FakePack().contract.id,
            RefPolicy(BUCKET),
            lambda asked: self.elsewhere.append(asked.user_id),
        )
        services = PeopleServices(
            Settings(enrolment=EnrolmentSettings(quality="off")),
            people,
            MemoryStore(PHOTOS),
            make_pack,
            lambda: ClashLimit(0.5, fixed=-1),
            cores=1,
        )
        self.reception: Reception = services.reception()
        self.validate = services.validate

    def do(self, user: UUID, number: int, step: Step, attempt: int = 1) -> PersonSettled:
        """Do what the request with this number asks."""
        withdrawn = Settings().nats.people_withdrawn_subject
        fields: Mapping[str, object] = (
            {}
            if step.withdraws
            else {
                "image_refs": [f"{number}.png", *step.further],
                "append": step.append,
                **({"consent": "1"} if step.consents else {}),
            }
        )
        came = replace(
            delivery(
                orjson.dumps({"user_id": user, "request_id": step.request_id, **fields}),
                seq=number,
                attempt=attempt,
                published_at=step.at or PUBLISHED + timedelta(seconds=number),
            ),
            subject=withdrawn if step.withdraws else "",
        )
        request = self.validate(came)
        assert isinstance(request, PersonRequest)
        done = self.reception.settle(request, lambda: False)
        assert isinstance(done, PersonSettled), done
        return done

    def known(self, user: UUID) -> tuple[set[str], bool, bool]:
        """By which photos the user is enrolled, whether there is a vector, and a withdrawal."""
        with self.database.connection() as connection:
            photos = connection.execute(
                "select ref from face_enrolment_photos where user_id = %s and refused is null",
                [user],
            ).fetchall()
            vector = connection.execute(
                "select from users where id = %s and face_embedding is not null", [user]
            ).fetchone()
            gone = connection.execute(
                "select from face_withdrawals where user_id = %s", [user]
            ).fetchone()
        return {ref.rpartition("/")[2] for (ref,) in photos}, vector is not None, gone is not None


def make_pack() -> FacePack:
    return FakePack()


@pytest.fixture
def place(database_dsn: str) -> Iterator[Place]:
    where = DatabaseSettings(dsn=database_dsn)
    migrate(where, DIMENSION)
    with closing(Database(where)) as database:
        yield Place(database)


steps = st.one_of(
    st.just(Step(withdraws=True)),
    st.builds(Step, append=st.booleans(), consents=st.booleans()),
)


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[Step], list[int]]:
    """Some requests, and in which order they come: each once at least."""
    asked = draw(st.lists(steps, min_size=1, max_size=6))
    numbers = list(range(1, len(asked) + 1))
    again = draw(st.lists(st.sampled_from(numbers), max_size=3))
    return asked, draw(st.permutations(numbers + again))


@given(course=courses())
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_end_does_not_depend_on_when_requests_come(
    place: Place, course: tuple[list[Step], list[int]]
) -> None:
    asked, order = course
    straight, astray = uuid4(), uuid4()
    refused = set()
    for number in order:
        if place.do(astray, number, asked[number - 1]).reason == "has_withdrawn":
            refused.add(number)

    # One without a consent that comes while a withdrawal is in force is refused for good, also if
    # the consent is on its way.
    for number, step in enumerate(asked, 1):
        if number not in refused:
            place.do(straight, number, step)
    assert place.known(astray) == place.known(straight)
    last = max((number for number, step in enumerate(asked, 1) if step.withdraws), default=0)
    assert not any(asked[number - 1].consents for number in refused if number > last)


def test_what_is_done_again_is_told_in_the_same_words(place: Place) -> None:
    user = uuid4()
    first = place.do(user, 1, Step())
    again = place.do(user, 1, Step(), attempt=2)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.event == first.event


def test_nobody_is_enrolled_by_what_they_asked_before_they_withdrew(place: Place) -> None:
    user = uuid4()
    gone = place.do(user, 2, Step(withdraws=True))
    late = place.do(user, 1, Step(consents=True))
    assert (gone.reason, late.reason) == ("erased", "has_withdrawn")
    assert place.known(user) == (set(), False, True)
    assert place.do(user, 3, Step()).reason == "has_withdrawn"
    assert place.do(user, 4, Step(consents=True)).reason == "enrolled"
    assert place.known(user) == ({"4.png"}, True, False)


def test_no_reference_keeps_later_requests_from_being_done(place: Place) -> None:
    user = uuid4()
    assert place.do(user, 1, Step(consents=True, further=("a\0b",))).reason == "enrolled"
    assert place.do(user, 2, Step()).reason == "enrolled"
    assert place.do(user, 3, Step(withdraws=True)).reason == "erased"
    assert place.known(user) == (set(), False, True)


def test_a_stream_that_was_made_again_replaces_what_the_old_one_has_added(place: Place) -> None:
    user = uuid4()
    place.do(user, 9, Step())
    place.do(user, 10, Step(append=True))
    later = PUBLISHED + timedelta(days=1)
    assert place.do(user, 1, Step(at=later)).reason == "enrolled"
    assert place.known(user) == ({"1.png"}, True, False)


def test_a_withdrawal_on_a_stream_that_was_made_again_leaves_nothing_of_the_old_one(
    place: Place,
) -> None:
    user = uuid4()
    place.do(user, 9, Step(consents=True, request_id="selfie"))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert place.do(user, 1, Step(withdraws=True, at=later)).reason == "erased"
    agreed = Step(consents=True, request_id="selfie", at=later + timedelta(seconds=1))
    assert not place.do(user, 2, agreed).repeated
    assert place.known(user) == ({"2.png"}, True, False)
