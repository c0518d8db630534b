"""Step 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dataflow.jobs.errors import Stopped, SystemicError, TransientError
from dataflow.jobs.outcome import Match, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.guardrails import Guardrails, PhotoState
from dataflow.steps.request import Request
from tests.builders import (
    KNOWN,
    MATCHED,
    PUBLISHED,
    UNKNOWN,
    MemoryPhotos,
    past,
    photo,
    request,
    user,
)

GRACE_S = 5
RETRY_DELAY_S = 7


def check(
    photos: MemoryPhotos, *requests: Request, age_s: float = 0
) -> list[Request | Settled | Retry]:
    now = PUBLISHED + timedelta(seconds=age_s)
    return list(Guardrails(photos, GRACE_S, RETRY_DELAY_S, lambda: now).check(requests))


def verdict(state: PhotoState, *, age_s: float = 0, **fields: Any) -> Request | Settled | Retry:  # noqa: ANN401 - whatever JSON holds
    (result,) = check(MemoryPhotos({photo(1): state}), request(**fields), age_s=age_s)
    return result


def reason(state: PhotoState, *, age_s: float = 0, **fields: Any) -> Reason:  # noqa: ANN401 - whatever JSON holds
    result = verdict(state, age_s=age_s, **fields)
    assert isinstance(result, Settled)
    return result.reason


@pytest.mark.parametrize("hint", [None, 1])
def test_a_known_photo_without_a_match_passes(hint: int | None) -> None:
    asked = request(faces_detected=hint)
    assert check(MemoryPhotos({photo(1): KNOWN}), asked) == [asked]


@pytest.mark.parametrize("hint", [0, 2, -1, 2**63])
def test_a_hint_of_no_or_several_faces_is_a_skip(hint: int) -> None:
    assert reason(KNOWN, faces_detected=hint) is Reason.NOT_SINGLE_FACE_HINT


@pytest.mark.parametrize("image_ref", [None, "", " ", "\t\n"])
def test_a_missing_or_empty_image_ref_is_a_skip(image_ref: str | None) -> None:
    assert reason(KNOWN, image_ref=image_ref) is Reason.MISSING_IMAGE_REF


def test_the_rules_are_asked_in_their_order() -> None:
    late = GRACE_S + 1
    nothing: dict[str, Any] = {"faces_detected": 2, "image_ref": None}
    assert reason(UNKNOWN, age_s=late, **nothing) is Reason.NOT_SINGLE_FACE_HINT
    assert reason(UNKNOWN, age_s=late, image_ref=None) is Reason.MISSING_IMAGE_REF
    assert reason(PhotoState(exists=False, matched=True, past=None), age_s=late) is (
        Reason.PHOTO_NOT_FOUND
    )
    assert reason(MATCHED, age_s=late) is Reason.ALREADY_MATCHED


def test_an_unknown_photo_may_still_come_within_its_grace() -> None:
    early = verdict(UNKNOWN, age_s=GRACE_S - 0.001)
    assert isinstance(early, Retry)
    assert early.delay_s == GRACE_S
    assert reason(UNKNOWN, age_s=GRACE_S) is Reason.PHOTO_NOT_FOUND


def test_a_job_from_the_servers_future_has_its_grace_too() -> None:
    assert isinstance(verdict(UNKNOWN, age_s=-60), Retry)


def test_a_redelivery_of_a_settled_job_repeats_its_outcome() -> None:
    match = Match(user(1), 0.25, within_threshold=True)
    state = PhotoState(exists=True, matched=True, past=past(Reason.MATCHED, seq=9, match=match))
    asked = request(seq=9, attempt=2)
    assert check(MemoryPhotos({photo(1): state}), asked) == [
        Settled(asked.delivery, asked.job, Reason.MATCHED, "as it was", match, repeated=True)
    ]


def test_a_past_outcome_is_repeated_even_when_the_photo_is_gone() -> None:
    state = PhotoState(exists=False, matched=False, past=past(Reason.PHOTO_NOT_FOUND, seq=9))
    repeated = verdict(state, seq=9)
    assert isinstance(repeated, Settled)
    assert repeated.repeated


def test_another_job_of_the_photo_is_no_repetition() -> None:
    skipped = PhotoState(exists=True, matched=False, past=past(seq=8))
    assert isinstance(verdict(skipped, seq=9), Request)
    matched = PhotoState(exists=True, matched=True, past=past(Reason.MATCHED, seq=8))
    assert reason(matched, seq=9) is Reason.ALREADY_MATCHED


def test_the_same_sequence_of_a_stream_made_again_is_no_repetition() -> None:
    state = PhotoState(exists=True, matched=False, past=past(seq=9))
    later = PUBLISHED + timedelta(microseconds=1)
    assert isinstance(verdict(state, seq=9, published_at=later), Request)


def test_a_batch_is_looked_up_at_once_each_photo_once_and_only_where_needed() -> None:
    photos = MemoryPhotos({photo(1): KNOWN, photo(2): KNOWN})
    check(
        photos,
        request(2, seq=1),
        request(1, seq=2),
        request(2, seq=3),
        request(3, faces_detected=0),
        request(4, image_ref=None),
    )
    assert photos.asked == [[photo(1), photo(2)]]


def test_the_database_is_left_alone_when_there_is_nothing_to_ask() -> None:
    photos = MemoryPhotos(error=TransientError("do not ask"))
    assert check(photos) == []
    (skipped,) = check(photos, request(faces_detected=0))
    assert isinstance(skipped, Settled)
    assert photos.asked == []


def test_everything_comes_out_in_the_order_it_came() -> None:
    requests = [
        request(5),
        request(1, faces_detected=3),
        request(4),
        request(2, image_ref=""),
        request(3),
    ]
    states: Mapping[UUID, PhotoState] = {photo(5): MATCHED, photo(4): KNOWN, photo(3): UNKNOWN}
    results = check(MemoryPhotos(states), *requests)
    assert [r.delivery.stream_seq for r in results] == [5, 1, 4, 2, 3]
    assert [type(r) for r in results] == [Settled, Settled, Request, Settled, Retry]


@pytest.mark.parametrize(
    ("error", "delay_s"), [(TransientError("deadlock"), RETRY_DELAY_S), (Stopped("stopped"), 0)]
)
def test_all_come_back_when_the_look_up_fails(error: Exception, delay_s: float) -> None:
    requests: Sequence[Request] = [request(1), request(2, faces_detected=0), request(3)]
    assert check(MemoryPhotos(error=error), *requests) == [
        Retry(r.delivery, r.job, str(error), delay_s) for r in requests
    ]


def test_a_job_goes_back_for_longer_each_time_the_look_up_fails() -> None:
    (back,) = check(MemoryPhotos(error=TransientError("deadlock")), request(attempt=3))
    assert isinstance(back, Retry)
    assert back.delay_s == 3 * RETRY_DELAY_S


def test_what_the_look_up_was_not_to_raise_is_not_swallowed() -> None:
    with pytest.raises(SystemicError):
        check(MemoryPhotos(error=SystemicError("held, not raised")), request())


def test_where_a_gallery_is_required_a_job_without_one_is_a_skip_and_nothing_is_asked() -> None:
    photos = MemoryPhotos({photo(1): KNOWN})
    guardrails = Guardrails(photos, GRACE_S, RETRY_DELAY_S, gallery_required=True)
    named = request(1, gallery="hall")
    done = list(guardrails.check([request(1, faces_detected=2)]))
    assert [one.reason for one in done if isinstance(one, Settled)] == [Reason.MISSING_GALLERY]
    assert photos.asked == []
    assert list(guardrails.check([named])) == [named]
