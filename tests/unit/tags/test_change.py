"""A change of a tag as an event, and what a listener makes of many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.tags.change import Cause, Change, TagChange, Tags, body, headers, replayed
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
        "change": "moved",
        "user_id": str(user(2)),
        "previous_user_id": str(user(1)),
        "distance": 0.25,
        "cause": "job",
        "by": "Eve",
        "seq": 7,
        "changed_at": "2026-01-02T03:04:06.500000Z",
    }


def test_the_headers_are_those_of_a_cloud_event_known_by_its_number() -> None:
    assert headers(tag_change(7, 3), "PHOTO_FACES_TAGS") == {
        "Nats-Msg-Id": "7",
        "ce-specversion": "1.0",
        "ce-id": "7",
        "ce-source": "/soloface/PHOTO_FACES_TAGS",
        "ce-type": "photo_faces.single.tags.v1",
        "ce-subject": str(photo(3)),
        "ce-time": "2026-01-02T03:04:06.500000Z",
        "ce-datacontenttype": "application/json",
        "content-type": "application/json",
    }


@pytest.mark.parametrize("cause", ["whim", ""])
def test_a_cause_that_somebody_else_wrote_is_the_platforms(cause: str) -> None:
    row: tuple[Any, ...] = (photo(1), 0, "gained", user(1), None, 0.5, cause, None, 1, CHANGED)
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


def test_a_face_whose_tag_is_lost_shows_nobody() -> None:
    changes = [
        tag_change(1, 1, Change.GAINED),
        tag_change(2, 2, Change.GAINED),
        tag_change(3, 1, Change.LOST, user_id=None),
    ]
    expected: dict[tuple[UUID, int], tuple[UUID, float]] = {(photo(2), 0): (user(1), 0.25)}
    assert replayed(changes) == expected
