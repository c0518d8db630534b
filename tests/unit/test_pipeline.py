"""The wiring, run by Bytewax itself over services in memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TypeAlias, cast

import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main
from structlog.testing import capture_logs

from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import TransientError
from dataflow.jobs.lane import Lane
from dataflow.jobs.outcome import Gone, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.pipeline import Result, build
from dataflow.services import Services
from dataflow.settings import NatsSettings, Settings, StoreSettings
from dataflow.steps.dedup import shard_of
from dataflow.steps.guardrails import PhotoState
from dataflow.steps.request import Recognised
from tests.builders import (
    KNOWN,
    MATCHED,
    POISON,
    PUBLISHED,
    FakePack,
    MemoryPhotos,
    MemoryStore,
    delivery,
    past,
    payload,
    photo,
    picture,
    request,
)
from tests.patience import PATIENCE_S

EntryPoint: TypeAlias = Callable[[Dataflow], None]
End: TypeAlias = tuple[type[Result], Reason | int | None]
"""What comes to the sink; with the reason, or the sequence that a duplicate repeats."""

MAX_DELIVER = 8
FUTURE = datetime.now(UTC) + timedelta(hours=1)

JOBS: list[tuple[Delivery, End]] = [
    (delivery(payload(1), seq=1), (Recognised, None)),
    (delivery(payload(2), seq=2), (Settled, Reason.NO_FACE)),
    (delivery(payload(3), seq=3), (Settled, Reason.MULTIPLE_FACES)),
    (delivery(payload(4), seq=4), (Settled, Reason.IMAGE_NOT_FOUND)),
    (delivery(payload(5), seq=5), (Settled, Reason.IMAGE_UNDECODABLE)),
    (delivery(payload(6), seq=6), (Settled, Reason.PHOTO_NOT_FOUND)),
    (delivery(payload(7), seq=7), (Settled, Reason.ALREADY_MATCHED)),
    (delivery(payload(8, faces_detected=3), seq=8), (Settled, Reason.NOT_SINGLE_FACE_HINT)),
    (delivery(payload(9, image_ref=None), seq=9), (Settled, Reason.MISSING_IMAGE_REF)),
    (delivery(b"{", seq=10), (Settled, Reason.MALFORMED_PAYLOAD)),
    (
        delivery(payload(11), seq=11, attempt=MAX_DELIVER + 1),
        (Settled, Reason.ATTEMPTS_EXHAUSTED),
    ),
    (delivery(payload(12, image_ref="ftp://a/b"), seq=12), (Settled, Reason.INVALID_IMAGE_REF)),
    (delivery(payload(13), seq=13), (Retry, None)),
    (delivery(payload(14), seq=14), (Retry, None)),
    (delivery(payload(15), seq=15, attempt=2), (Settled, Reason.LOW_QUALITY)),
    (delivery(payload(16), seq=16, published_at=FUTURE), (Retry, None)),
    (delivery(payload(1), seq=17), (Recognised, 1)),
    (delivery(payload(1), seq=1, attempt=2), (Recognised, None)),
    (delivery(payload(18), seq=18), (Recognised, None)),
    (delivery(payload(18, face_index=1), seq=19), (Recognised, 18)),
]


def services(images: Mapping[str, Callable[[], bytes]] | None = None) -> Services:
    unknown = {6, 16}
    states = {photo(n): KNOWN for n in range(1, 20) if n not in unknown}
    states[photo(7)] = MATCHED
    states[photo(15)] = PhotoState(
        exists=True, matched=False, past=past(Reason.LOW_QUALITY, seq=15)
    )
    objects: dict[str, bytes | Exception | Callable[[], bytes]] = {
        f"{n}.png": picture() for n in range(1, 20)
    }
    del objects["4.png"]
    objects |= {
        "2.png": picture(faces=0),
        "3.png": picture(faces=2),
        "5.png": b"no picture",
        "13.png": POISON,
        "14.png": TransientError("timeout"),
        **(images or {}),
    }
    settings = Settings(
        nats=NatsSettings(max_deliver=MAX_DELIVER), store=StoreSettings(tries=2, backoff_s=0.001)
    )
    return Services(settings, MemoryPhotos(states), MemoryStore(objects), FakePack)


MAIN = cast("EntryPoint", run_main)


def cluster_of(workers: int) -> EntryPoint:
    main = partial(cluster_main, addresses=[], proc_id=0, worker_count_per_proc=workers)
    return cast("EntryPoint", main)


@pytest.fixture(
    params=[MAIN, cluster_of(1), cluster_of(2), cluster_of(4)],
    ids=["main", "cluster-1", "cluster-2", "cluster-4"],
)
def run(request: pytest.FixtureRequest) -> EntryPoint:
    entry_point: EntryPoint = request.param
    return entry_point


def ends_of(
    jobs: list[Delivery], run: EntryPoint, batch_size: int = 4
) -> list[tuple[Delivery, End]]:
    results: list[Result] = []
    source = TestingSource(jobs, batch_size=batch_size)
    with capture_logs():
        run(build(source, TestingSink(results), services()))
    return [(result.delivery, end_of(result)) for result in results]


def end_of(result: Result) -> End:
    match result:
        case Recognised(duplicate_of=sequence):
            return Recognised, sequence
        case Settled(reason=reason):
            return Settled, reason
        case Retry() | Gone():
            return type(result), None


def by_token(pair: tuple[Delivery, End]) -> str:
    return pair[0].ack_token


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_every_delivery_ends_exactly_once_and_as_it_should(
    run: EntryPoint, batch_size: int
) -> None:
    ends = ends_of([came for came, _ in JOBS], run, batch_size)
    assert sorted(ends, key=by_token) == sorted(JOBS, key=by_token)


def test_of_many_jobs_for_a_few_photos_one_each_is_no_duplicate(run: EntryPoint) -> None:
    numbers = [1, 18, 19] * 40
    jobs = [delivery(payload(number), seq=seq) for seq, number in enumerate(numbers, 1)]
    ends = ends_of(jobs, run, batch_size=8)
    assert Counter(end for _, end in ends) == {
        (Recognised, None): 3,
        (Recognised, 1): 39,
        (Recognised, 2): 39,
        (Recognised, 3): 39,
    }
    assert len({came.ack_token for came, _ in ends}) == len(jobs)


def test_a_redelivery_after_a_recorded_outcome_is_marked_as_its_repetition() -> None:
    results: list[Result] = []
    again = delivery(payload(15), seq=15, attempt=2)
    MAIN(build(TestingSource([again]), TestingSink(results), services()))
    (result,) = results
    assert isinstance(result, Settled)
    assert result.repeated
    assert result.delivery.published_at == PUBLISHED


def test_a_photo_is_its_own_photo_in_whatever_way_its_id_is_written(run: EntryPoint) -> None:
    written = [str(photo(1)), str(photo(1)).upper(), photo(1).hex, f"urn:uuid:{photo(1)}"]
    jobs = [delivery(payload(1, photo_id=text), seq=seq) for seq, text in enumerate(written, 1)]
    ends = ends_of(jobs, run)
    assert sorted(ends, key=by_token) == [
        (replace(jobs[0]), (Recognised, None)),
        *((came, (Recognised, 1)) for came in jobs[1:]),
    ]


def test_in_a_shard_a_live_job_passes_one_that_can_wait_and_is_under_way() -> None:
    assert shard_of(request(8)) == shard_of(request(17))
    can_wait = delivery(payload(8), seq=8, lane=Lane.BACKFILL)
    live = delivery(payload(17), seq=17)
    results: list[Result] = []
    asked, may_come = threading.Event(), threading.Event()

    def slow_image() -> bytes:
        asked.set()
        assert may_come.wait(PATIENCE_S)
        return picture()

    def jobs() -> Iterator[Delivery]:
        yield can_wait
        yield from while_not(asked.is_set)
        yield live
        yield from while_not(lambda: any(result.delivery == live for result in results))
        may_come.set()

    source = TestingSource(jobs())
    with capture_logs():
        MAIN(build(source, TestingSink(results), services({"8.png": slow_image})))
    order = [result.delivery for result in results if isinstance(result, Recognised)]
    assert order == [live, can_wait]


def while_not(done: Callable[[], bool]) -> Iterator[Delivery]:
    """Jobs that keep the flow going: at their end it would settle what is under way."""
    deadline = time.monotonic() + PATIENCE_S
    for seq in count(100):
        if done():
            return
        assert time.monotonic() < deadline
        yield delivery(b"{", seq=seq)
