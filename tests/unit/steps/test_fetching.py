"""Step 3."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from dataflow.jobs.errors import DataError, SystemicError, TransientError
from dataflow.jobs.image_ref import ImageRef, RefPolicy
from dataflow.jobs.outcome import Gone, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.jobs.request import Fetched, Request
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.steps.fetching import Fetching
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


@pytest.mark.parametrize("attempt", [1, 2, 5])
def test_a_job_goes_back_for_longer_each_time_the_store_keeps_failing(
    attempt: int,
) -> None:
    asked = request(attempt=attempt)
    store, stop = MemoryStore({"1.png": TransientError("timeout")}), RecordingStop()
    expected = Retry(asked.delivery, asked.job, "timeout", RETRY_DELAY_S * attempt)
    assert fetch(store, asked, stop=stop) == expected
    assert len(store.reads) == 3
    assert stop.waits == [0.5, 1.0]


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
