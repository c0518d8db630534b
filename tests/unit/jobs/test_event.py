"""An outcome as an event: what it says, and by which id it is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.jobs.event import OutcomeEvent, body, event_id, event_of, headers
from dataflow.jobs.outcome import Match, Settled
from dataflow.jobs.reason import Reason
from dataflow.jobs.stages import Lap, Stage
from dataflow.process.trace import trace_id, traceparent_of
from tests.builders import delivery, photo, request, settled, user

NOW = datetime(2026, 1, 2, 3, 4, 6, 500000, tzinfo=UTC)
MATCH = Match(user(1), 0.25, within_threshold=True, margin=0.5)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def told(item: Settled, stream: str = "PHOTO_FACES") -> OutcomeEvent:
    return event_of(item, stream, "open-1", NOW)


def test_a_match_is_told_with_everything_that_a_platform_needs() -> None:
    asked = request(3, seq=42, attempt=2, job_id=user(9), gallery="school:7")
    item = Settled(asked.delivery, asked.job, Reason.MATCHED, match=MATCH)
    event = orjson.loads(body(told(item.after([Lap(Stage.FETCH, 0, 0.1234567)]))))
    assert event == {
        "photo_id": str(photo(3)),
        "job_id": str(user(9)),
        "gallery": "school:7",
        "outcome": "matched",
        "reason": "matched",
        "detail": "",
        "user_id": str(user(1)),
        "distance": 0.25,
        "margin": 0.5,
        "within_threshold": True,
        "model": "open-1",
        "stream": "PHOTO_FACES",
        "stream_seq": 42,
        "deliveries": 2,
        "repeated": False,
        "durations": {"fetch": 0.123457},
        "published_at": "2026-01-02T03:04:05Z",
        "settled_at": "2026-01-02T03:04:06.500000Z",
    }


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.MATCHED])
def test_a_user_who_was_not_matched_is_not_named(reason: Reason) -> None:
    event = told(settled(reason, match=MATCH))
    assert event.user_id is None
    assert str(user(1)) not in body(event).decode()
    assert event.distance == 0.25


def test_a_payload_that_was_no_job_has_an_event_without_a_photo() -> None:
    event = told(Settled(delivery(b"?"), None, Reason.MALFORMED_PAYLOAD, "not JSON"))
    assert (event.photo_id, event.job_id) == (None, None)
    assert "ce-subject" not in headers(event)


def test_the_headers_are_those_of_a_cloud_event_in_binary_mode() -> None:
    found = headers(told(settled(number=3)), TRACE)
    assert found == {
        "Nats-Msg-Id": "PHOTO_FACES:3:1767323045000000",
        "ce-specversion": "1.0",
        "ce-id": "PHOTO_FACES:3:1767323045000000",
        "ce-source": "/soloface/PHOTO_FACES",
        "ce-type": "photo_faces.single.settled.v1",
        "ce-subject": str(photo(3)),
        "ce-time": "2026-01-02T03:04:06.500000Z",
        "ce-datacontenttype": "application/json",
        "content-type": "application/json",
        "ce-traceparent": TRACE,
        "traceparent": TRACE,
    }


def test_a_job_keeps_its_events_id_and_no_other_job_has_it() -> None:
    first = settled()
    again = replace(first, delivery=replace(first.delivery, attempt=2), repeated=True)
    later = replace(
        first, delivery=replace(first.delivery, published_at=NOW + timedelta(microseconds=1))
    )
    assert event_id(told(first)) == event_id(told(again))
    ids = [told(first), told(first, "OTHER"), told(settled(number=2)), told(later)]
    assert len({event_id(event) for event in ids}) == 4


@given(st.text(min_size=1))
def test_headers_are_ascii_and_one_line_whatever_the_streams_name(stream: str) -> None:
    for value in headers(told(settled(), stream.encode("utf-8", "replace").decode())).values():
        assert value.isascii()
        assert value.isprintable()


@pytest.mark.parametrize("value", [TRACE, f"01{TRACE[2:]}-what-comes", f"{TRACE[:-2]}00"])
def test_a_trace_is_taken_from_the_headers(value: str) -> None:
    assert traceparent_of({"traceparent": value}) == value
    assert trace_id(value) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ff" + TRACE[2:],
        TRACE.upper(),
        TRACE + "-more",
        TRACE + "\n",
        TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        TRACE.replace("00f067aa0ba902b7", "0" * 16),
    ],
)
def test_what_is_no_trace_is_left_behind(value: str) -> None:
    assert traceparent_of({"traceparent": value}) is None


def test_without_headers_there_is_no_trace() -> None:
    assert traceparent_of(None) is None
    assert trace_id(None) is None
