"""A change of a tag as an event, and what a listener makes of many."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.tags.change import (
    Cause,
    Change,
    TagChange,
    Tags,
    body,
    headers,
    identity,
    replayed,
    tells_the_end,
)
from tests.builders import photo, tag_change, user
from tests.tag_stories import stories

CHANGED = datetime(2026, 1, 2, 3, 4, 6, 500000, tzinfo=UTC)


def test_a_change_is_told_with_everything_that_a_listener_needs() -> None:
    change = tag_change(
        7, 3, Change.MOVED, user_id=user(2), previous_user_id=user(1), by="Eve", face_index=1
    )
    assert orjson.loads(body(change)) == {
        "photo_id": str(photo(3)),
        "face_index": 1,
        "gallery": None,
        "change": "moved",
        "user_id": str(user(2)),
        "previous_user_id": str(user(1)),
        "distance": 0.25,
        "cause": "job",
        "by": "Eve",
        "seq": 7,
        "changed_at": "2026-01-02T03:04:06.500000Z",
    }


def test_the_headers_are_those_of_a_cloud_event() -> None:
    change = tag_change(7, 3)
    assert identity(change).startswith("7-")
    assert headers(change, "PHOTO_FACES_TAGS") == {
        "Nats-Msg-Id": identity(change),
        "ce-specversion": "1.0",
        "ce-id": identity(change),
        "ce-source": "/soloface/PHOTO_FACES_TAGS",
        "ce-type": "photo_faces.single.tags.v1",
        "ce-subject": str(photo(3)),
        "ce-time": "2026-01-02T03:04:06.500000Z",
        "ce-datacontenttype": "application/json",
        "content-type": "application/json",
    }


@given(stories())
def test_a_change_keeps_its_id_and_no_other_one_has_it_though_their_numbers_are_the_same(
    story: tuple[list[TagChange], Tags],
) -> None:
    restored = [replace(change, seq=7) for change in story[0]]
    different = set(restored)
    assert {identity(change) for change in restored} == {
        identity(replace(change)) for change in restored
    }
    assert len({identity(change) for change in restored}) == len(different)


@pytest.mark.parametrize(
    "other",
    [
        {"changed_at": CHANGED + timedelta(microseconds=1)},
        {"number": 4},
        {"face_index": 1},
        {"gallery": "hall"},
        {"user_id": user(2)},
        {"distance": 0.5},
        {"by": "Eve"},
    ],
)
def test_whatever_is_different_in_two_changes_of_one_number_makes_their_ids_differ(
    other: dict[str, Any],
) -> None:
    assert identity(tag_change(7, **{"number": 3, **other})) != identity(tag_change(7, 3))


@pytest.mark.parametrize("cause", ["whim", ""])
def test_a_cause_that_somebody_else_wrote_is_the_platforms(cause: str) -> None:
    row: tuple[Any, ...] = (
        *(photo(1), 0, "hall", "gained", user(1)),
        *(None, 0.5, cause, None, 1, CHANGED),
    )
    assert TagChange(*row).cause is Cause.PLATFORM


@given(stories(), st.data())
def test_replayed_changes_give_the_tags_in_whatever_order_and_however_often_they_come(
    story: tuple[list[TagChange], Tags], data: st.DataObject
) -> None:
    changes, tags = story
    told = data.draw(st.permutations(changes))
    again = data.draw(st.lists(st.sampled_from(changes))) if changes else []
    assert replayed(changes) == tags
    assert replayed([*told, *again]) == tags


@pytest.mark.parametrize(
    ("change", "of", "stays"),
    [
        (tag_change(1, 1, Change.GAINED), user(1), False),
        (tag_change(1, 1, Change.REMEASURED, previous_user_id=user(1)), user(1), False),
        (tag_change(1, 1, Change.MOVED, previous_user_id=user(2)), user(1), False),
        (tag_change(1, 1, Change.MOVED, previous_user_id=user(2)), user(2), True),
        (tag_change(1, 1, Change.MOVED, previous_user_id=user(2)), photo(1), False),
        (tag_change(1, 1, Change.LOST, user_id=None, previous_user_id=user(1)), user(1), True),
        (tag_change(1, 1, Change.LOST, user_id=None), photo(1), True),
    ],
)
def test_of_an_erased_user_or_photo_only_the_end_of_a_tag_stays_told(
    change: TagChange, of: UUID, *, stays: bool
) -> None:
    assert tells_the_end(body(change), of) is stays


@given(st.binary() | st.sampled_from([b"[]", b'{"change": []}', b'{"change": "lost', b"7"]))
def test_what_is_no_change_does_not_stay(data: bytes) -> None:
    assert not tells_the_end(data, user(1))


@given(stories(), st.integers(1, 3))
def test_without_what_names_an_erased_user_the_replayed_feed_is_the_same(
    story: tuple[list[TagChange], Tags], number: int
) -> None:
    changes, tags = story
    erased = user(number)
    for (photo_id, face_index), (who, _) in list(tags.items()):
        if who == erased:
            changes.append(
                TagChange(
                    photo_id=photo_id,
                    face_index=face_index,
                    gallery=None,
                    change=Change.LOST,
                    user_id=None,
                    previous_user_id=erased,
                    distance=None,
                    cause=Cause.ERASED,
                    by=None,
                    seq=1000 + len(changes),
                    changed_at=CHANGED,
                )
            )
            del tags[photo_id, face_index]
    kept = [
        change
        for change in changes
        if str(erased).encode() not in body(change) or tells_the_end(body(change), erased)
    ]
    assert replayed(kept) == tags
    assert erased not in {change.user_id for change in kept}


def test_a_face_whose_tag_is_lost_shows_nobody() -> None:
    changes = [
        tag_change(1, 1, Change.GAINED),
        tag_change(2, 2, Change.GAINED),
        tag_change(3, 1, Change.LOST, user_id=None),
    ]
    expected: dict[tuple[UUID, int], tuple[UUID, float]] = {(photo(2), 0): (user(1), 0.25)}
    assert replayed(changes) == expected
