"""What a platform may write about a person, and what it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.jobs.delivery import Delivery
from dataflow.persons.ended import PersonSettled
from dataflow.persons.event import read
from dataflow.persons.reason import PersonOutcome, PersonReason
from dataflow.persons.reporting import told
from dataflow.persons.request import (
    EnrolRequest,
    PersonRequest,
    WithdrawRequest,
    validate_person,
)
from tests.builders import PUBLISHED, delivery, user
from tests.odd_payloads import odd_payloads

WITHDRAWN = "users.face.withdrawn"
MAX_DELIVER = 8
LEAST: dict[str, Any] = {"user_id": str(user(1)), "image_refs": ["a.jpg"]}


def validated(
    payload: bytes, *, withdraws: bool = False, attempt: int = 1
) -> PersonRequest | PersonSettled:
    came = delivery(payload, attempt=attempt)
    subject = WITHDRAWN if withdraws else "users.face.requested"
    return validate_person(replace(came, subject=subject), WITHDRAWN, MAX_DELIVER)


def enrolled(**fields: object) -> PersonRequest | PersonSettled:
    return validated(orjson.dumps({**LEAST, **fields}))


def test_the_least_that_says_whom_to_enrol_is_enough() -> None:
    request = enrolled(something="else")
    assert isinstance(request, PersonRequest)
    assert request.job == EnrolRequest(user(1), ["a.jpg"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": None},
        {"user_id": 7},
        {"user_id": "somebody"},
        {"image_refs": []},
        {"image_refs": "a.jpg"},
        {"image_refs": ["a.jpg"] * 21},
        {"image_refs": [7]},
        {"galleries": ["a b"]},
        {"galleries": ["x" * 129]},
        {"galleries": "school"},
        {"consent": ""},
        {"consent": "two\nlines"},
        {"consent": "x" * 129},
        {"append": "yes"},
        {"append": 1},
        {"request_id": 7},
        {"request_id": " "},
    ],
)
def test_what_is_no_request_is_refused_with_what_is_wrong(wrong: dict[str, object]) -> None:
    ended = enrolled(**wrong)
    assert isinstance(ended, PersonSettled)
    assert ended.reason is PersonReason.MALFORMED_PAYLOAD
    assert ended.is_rejected
    assert ended.detail.startswith(next(iter(wrong)))


def test_a_withdrawal_needs_the_user_alone_and_is_told_by_its_subject() -> None:
    request = validated(orjson.dumps({"user_id": str(user(1)), "by": "them"}), withdraws=True)
    assert isinstance(request, PersonRequest)
    assert request.job == WithdrawRequest(user(1), "them")
    # The same fields on the other subject are no request to enrol.
    assert isinstance(validated(orjson.dumps({"user_id": str(user(1))})), PersonSettled)


def test_what_came_too_often_is_given_up_before_it_is_looked_at() -> None:
    ended = validated(orjson.dumps(LEAST), attempt=MAX_DELIVER + 1)
    assert isinstance(ended, PersonSettled)
    assert (ended.reason, ended.is_rejected) == (PersonReason.ATTEMPTS_EXHAUSTED, True)


def test_a_request_is_known_by_its_own_id_or_by_its_message() -> None:
    named, nameless = enrolled(request_id="r1"), enrolled()
    assert isinstance(named, PersonRequest)
    assert isinstance(nameless, PersonRequest)
    assert named.key == "r1"
    other = PersonRequest(replace(nameless.delivery, stream_seq=9), nameless.job)
    again = PersonRequest(replace(nameless.delivery, attempt=2), nameless.job)
    assert nameless.key == again.key != other.key


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise_and_each_refusal_can_be_told(data: bytes, withdraws: bool) -> None:  # noqa: FBT001 - drawn
    _ends_somehow(data, withdraws=withdraws)


def test_no_odd_payload_raises() -> None:
    for data in odd_payloads(300):
        _ends_somehow(data, withdraws=False)
        _ends_somehow(data, withdraws=True)


def _ends_somehow(data: bytes, *, withdraws: bool) -> None:
    ended = validated(data, withdraws=withdraws)
    if isinstance(ended, PersonSettled):
        event = told(ended, "USERS_FACE", "open-1", PUBLISHED)
        assert read(event.data).outcome is PersonOutcome.REFUSED
        assert all(value.isprintable() for value in event.headers.values())


@pytest.mark.parametrize("reason", PersonReason)
def test_each_reason_has_one_outcome_and_only_refusals_become_letters(reason: PersonReason) -> None:
    assert reason.outcome in PersonOutcome
    if reason.is_rejection:
        assert reason.outcome is PersonOutcome.REFUSED


def test_a_delivery_keeps_its_subject_on_its_way_to_another_process() -> None:
    came: Delivery = replace(delivery(), subject=WITHDRAWN)
    make, fields = came.__reduce__()
    assert make(*fields).subject == WITHDRAWN
