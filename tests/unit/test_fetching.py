"""Step 3."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import pytest
from structlog.testing import capture_logs

from dataflow.errors import DataError, SystemicError, TransientError
from dataflow.fetching import Fetching
from dataflow.image_ref import ImageRef, RefPolicy
from dataflow.job import Fetched, Request
from dataflow.outcome import Reason, Retry, Settled
from dataflow.retry import LinearBackoff, Persistence
from tests.builders import MemoryStore, RecordingStop, request

REFS = RefPolicy("images", frozenset({"archive"}))
RETRY_DELAY_S = 5


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def fetch(
    store: MemoryStore, pool: Executor, *requests: Request, stop: RecordingStop | None = None
) -> list[Fetched | Settled | Retry]:
    persistence = Persistence(LinearBackoff(3, 0.5), stop or RecordingStop())
    return list(Fetching(store, REFS, persistence, pool, RETRY_DELAY_S).fetch(requests))


def test_an_object_is_fetched_whole(pool: Executor) -> None:
    asked = request(image_ref="minio://archive/a/b.jpg")
    store = MemoryStore({"a/b.jpg": b"bytes"})
    assert fetch(store, pool, asked) == [Fetched(asked.delivery, asked.job, b"bytes")]
    assert store.reads == [ImageRef("archive", "a/b.jpg")]


@pytest.mark.parametrize("image_ref", ["http://h/a.jpg", "../a.jpg", "minio://other/a.jpg"])
def test_a_bad_reference_is_settled_and_nothing_is_read(image_ref: str, pool: Executor) -> None:
    store = MemoryStore({})
    (done,) = fetch(store, pool, request(image_ref=image_ref))
    assert isinstance(done, Settled)
    assert done.reason is Reason.INVALID_IMAGE_REF
    assert done.detail
    assert store.reads == []


@pytest.mark.parametrize("reason", [Reason.IMAGE_NOT_FOUND, Reason.IMAGE_TOO_LARGE])
def test_an_object_that_cannot_be_had_is_settled_at_once(reason: Reason, pool: Executor) -> None:
    asked = request()
    store = MemoryStore({"1.png": DataError(reason, "explained")})
    expected = Settled(asked.delivery, asked.job, reason, "explained")
    assert fetch(store, pool, asked) == [expected]
    assert len(store.reads) == 1


@pytest.mark.parametrize("attempt", [1, 2, 5])
def test_a_job_goes_back_for_longer_each_time_the_store_keeps_failing(
    attempt: int, pool: Executor
) -> None:
    asked = request(attempt=attempt)
    store, stop = MemoryStore({"1.png": TransientError("timeout")}), RecordingStop()
    expected = Retry(asked.delivery, asked.job, "timeout", RETRY_DELAY_S * attempt)
    assert fetch(store, pool, asked, stop=stop) == [expected]
    assert len(store.reads) == 3
    assert stop.waits == [0.5, 1.0]


def test_a_job_goes_back_without_delay_when_a_stop_is_asked_for(pool: Executor) -> None:
    store = MemoryStore({"1.png": SystemicError("refused")})
    (back,) = fetch(store, pool, request(attempt=4), stop=RecordingStop(patience=2))
    assert isinstance(back, Retry)
    assert back.delay_s == 0


def test_an_unexpected_error_is_logged_and_sends_only_its_own_job_back(pool: Executor) -> None:
    store = MemoryStore({"1.png": b"1", "2.png": ValueError("a bug"), "3.png": b"3"})
    with capture_logs() as logs:
        first, second, third = fetch(store, pool, request(1), request(2, attempt=3), request(3))
    assert isinstance(first, Fetched)
    assert isinstance(third, Fetched)
    assert isinstance(second, Retry)
    assert second.delay_s == RETRY_DELAY_S * 3
    assert [(line["log_level"], line["exc_info"]) for line in logs] == [("error", True)]


def test_images_are_fetched_at_the_same_time_and_come_out_in_order(pool: Executor) -> None:
    together = threading.Barrier(4)

    def read_last_first(number: int) -> bytes:
        together.wait(timeout=10)
        done[number].wait(timeout=10)
        if number:
            done[number - 1].set()
        return b"%d" % number

    done = [threading.Event() for _ in range(4)]
    done[3].set()
    store = MemoryStore({f"{n}.png": partial(read_last_first, n) for n in range(4)})
    results = fetch(store, pool, *(request(n) for n in range(4)))
    assert [r.image for r in results if isinstance(r, Fetched)] == [b"0", b"1", b"2", b"3"]


def test_nothing_to_fetch_is_nothing_fetched(pool: Executor) -> None:
    assert fetch(MemoryStore({}), pool) == []
