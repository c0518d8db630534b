"""The end is that of the requests in their order, in whatever order and how often they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.postgres.people.requests import bury
from dataflow.persons.asked import Asked, SettledBeforeError
from dataflow.persons.order import Moment
from dataflow.persons.reason import PersonReason
from tests.builders import PUBLISHED
from tests.integration.people.place import Place, Step

steps = st.one_of(
    st.just(Step(withdraws=True)),
    st.builds(
        Step,
        append=st.booleans(),
        consents=st.booleans(),
        photo=st.sampled_from([None, 1, 2]),
    ),
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


def test_a_photo_that_was_added_again_stays_when_an_earlier_request_comes_late(
    place: Place,
) -> None:
    user, added = uuid4(), Step(append=True, photo=5)
    place.do(user, 1, added)
    again = place.do(user, 3, added)
    assert again.event
    assert [(p.image_ref, p.reason) for p in again.event.photos] == [("5.png", "unchanged")]
    place.do(user, 2, Step(photo=6))
    assert place.known(user) == ({"5.png", "6.png"}, True, False)


def test_what_changed_nothing_is_done_again_after_a_withdrawal_that_comes_late(
    place: Place,
) -> None:
    user = uuid4()
    place.do(user, 1, Step(photo=5))
    assert place.do(user, 3, Step(photo=5, consents=True)).reason == PersonReason.UNCHANGED
    assert place.do(user, 2, Step(withdraws=True)).reason == PersonReason.ERASED
    assert place.known(user) == ({"5.png"}, True, False)


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


def test_a_message_that_was_buried_is_done_no_more_but_its_replay_is(place: Place) -> None:
    user = uuid4()
    event = place.do(uuid4(), 1, Step()).event
    assert event
    moment = Moment(2, PUBLISHED + timedelta(seconds=2))
    asked = Asked(user, "selfie", moment, enrols=True)
    buried = replace(event, user_id=user, reason=PersonReason.BURIED)
    with place.database.connection() as connection:
        for _ in range(2):  # a burial that was interrupted is done again
            bury(connection, asked, buried)

    held = place.do(user, 2, Step(request_id="selfie"), attempt=2)
    assert (held.reason, held.repeated) == (PersonReason.BURIED, True)
    assert place.known(user) == (set(), False, False)
    replayed = place.do(user, 3, Step(request_id="selfie"))
    assert replayed.reason == PersonReason.ENROLLED
    with place.database.connection() as connection, pytest.raises(SettledBeforeError):
        bury(connection, replace(asked, moment=Moment(4, PUBLISHED)), buried)


def test_a_withdrawal_that_was_buried_while_it_was_done_is_told_as_that(place: Place) -> None:
    user = uuid4()
    event = place.do(user, 1, Step()).event
    assert event
    buried = replace(event, reason=PersonReason.BURIED)
    asked = Asked(user, "w", Moment(2, PUBLISHED + timedelta(seconds=2)), enrols=False)

    def bury_it(_asked: Asked) -> None:
        with place.database.connection() as connection:
            bury(connection, asked, buried)

    place.meanwhile = bury_it
    done = place.do(user, 2, Step(withdraws=True, request_id="w"))
    assert (done.reason, done.repeated) == (PersonReason.BURIED, True)
