"""Step 3."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from dataflow.jobs.errors import (
    DataError,
    SystemicError,
    TransientError,
    UnprovenError,
    UnwantedError,
)
from dataflow.jobs.image_ref import ImageRef, RefPolicy
from dataflow.jobs.outcome import Gone, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.process.health import Health
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.steps.fetching import Fetching
from dataflow.steps.request import Fetched, Request
from tests.builders import MemoryStore, RecordingStop, request

REFS = RefPolicy("images", frozenset({"archive"}))
RETRY_DELAY_S = 5


def fetch(
    store: MemoryStore, asked: Request, stop: RecordingStop | None = None
) -> Fetched | Settled | Retry | Gone:
    persistence = Persistence(LinearBackoff(3, 0.5), stop or RecordingStop())
    return Fetching(store, REFS, persistence, RETRY_DELAY_S).fetch(asked)


def test_an_object_is_fetched_whole() -> None:
    asked = request(image_ref="minio://archive/a/b.jpg")
    store = MemoryStore({"a/b.jpg": b"bytes"})
    assert fetch(store, asked) == Fetched(asked.delivery, asked.job, b"bytes")
    assert store.reads == [ImageRef("archive", "a/b.jpg")]


@pytest.mark.parametrize("image_ref", ["http://h/a.jpg", "../a.jpg", "minio://other/a.jpg"])
def test_a_bad_reference_is_settled_and_nothing_is_read(image_ref: str) -> None:
    store = MemoryStore({})
    done = fetch(store, request(image_ref=image_ref))
    assert isinstance(done, Settled)
    assert done.reason is Reason.INVALID_IMAGE_REF
    assert done.detail
    assert store.reads == []


@pytest.mark.parametrize("reason", [Reason.IMAGE_NOT_FOUND, Reason.IMAGE_TOO_LARGE])
def test_an_object_that_cannot_be_had_is_settled_at_once(reason: Reason) -> None:
    asked = request()
    store = MemoryStore({"1.png": DataError(reason, "explained")})
    expected = Settled(asked.delivery, asked.job, reason, "explained")
    assert fetch(store, asked) == expected
    assert len(store.reads) == 1


@pytest.mark.parametrize(("attempt", "waits"), [(1, [0.5, 1.0]), (2, [0.5, 1.0]), (3, []), (5, [])])
def test_a_job_goes_back_for_longer_each_time_the_store_keeps_failing(
    attempt: int, waits: list[float]
) -> None:
    """Tried alone, it keeps nobody waiting: once is enough then."""
    asked = request(attempt=attempt)
    store, stop = MemoryStore({"1.png": TransientError("timeout")}), RecordingStop()
    delay_s = RETRY_DELAY_S * attempt
    expected = Retry(asked.delivery, asked.job, "timeout", delay_s, harmless=True)
    assert fetch(store, asked, stop=stop) == expected
    assert len(store.reads) == len(waits) + 1
    assert stop.waits == waits


def test_a_job_goes_back_without_delay_when_a_stop_is_asked_for() -> None:
    store = MemoryStore({"1.png": SystemicError("refused")})
    back = fetch(store, request(attempt=4), stop=RecordingStop(patience=2))
    assert isinstance(back, Retry)
    assert back.delay_s == 0


def test_an_unexpected_error_is_logged_and_sends_the_job_back() -> None:
    with capture_logs() as logs:
        back = fetch(MemoryStore({"1.png": ValueError("a bug")}), request(attempt=3))
    assert isinstance(back, Retry)
    assert back.delay_s == RETRY_DELAY_S * 3
    assert [(line["log_level"], line["exc_info"]) for line in logs] == [("error", True)]


UNPROVEN = UnprovenError("denied, and nothing was read before")


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_job_that_may_be_bad_or_not_gives_way_to_others_at_first(attempt: int) -> None:
    back = fetch(MemoryStore({"1.png": UNPROVEN}), request(attempt=attempt))
    assert isinstance(back, Retry)
    assert back.harmless
    assert back.delay_s == RETRY_DELAY_S * attempt


def test_it_is_held_in_the_end_and_so_never_given_up() -> None:
    stop = RecordingStop(patience=50)
    held = fetch(MemoryStore({"1.png": UNPROVEN}), request(attempt=3), stop=stop)
    assert isinstance(held, Retry)
    assert "stopped" in held.detail
    assert stop.waits == [1.0] * 51


def test_a_held_job_is_named_and_let_go_of_once_it_has_left_the_stream() -> None:
    asked = request(seq=7)
    left = iter([True, True, False])
    stop = RecordingStop()
    health = Health(report_every_s=10, now=lambda: sum(wait or 0 for wait in stop.waits))
    persistence = Persistence(LinearBackoff(3, 0.5), stop, health=health)
    store = MemoryStore({"1.png": SystemicError("refused")})
    fetching = Fetching(store, REFS, persistence, RETRY_DELAY_S, lambda _: next(left))

    with capture_logs() as logs:
        gone = fetching.fetch(asked)

    assert gone == Gone(asked.delivery, asked.job, str(UnwantedError()))
    assert sum(wait or 0 for wait in stop.waits) == 30
    assert health.causes() == []
    named = [line for line in logs if line["event"] == "job_held"]
    assert [line["for_s"] for line in named] == [0, 10, 20, 30]
    assert {line["photo_id"] for line in named} == {str(asked.job.photo_id)}
    assert {(line["image_ref"], line["stream_seq"]) for line in named} == {("1.png", 7)}
