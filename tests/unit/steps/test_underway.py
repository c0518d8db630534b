"""Fetching and computing side by side: what is bounded, and what a stop means."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from dataflow.jobs.outcome import Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Fetched, Recognised, Request
from dataflow.steps.underway import Bounds, Result, UnderWay
from tests.builders import embedded_face, request
from tests.patience import PATIENCE_S

IMAGE = b"0123456789"
RETRY_DELAY_S = 5


@dataclass
class Gate:
    """A step that waits until it is opened, and knows how many wait in it."""

    open: threading.Event = field(default_factory=threading.Event)
    inside: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def pass_through(self) -> None:
        with self.changed:
            self.inside += 1
            self.changed.notify_all()
        assert self.open.wait(PATIENCE_S)
        with self.changed:
            self.inside -= 1
            self.changed.notify_all()

    def wait_inside(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.inside == count, PATIENCE_S)


@dataclass
class Steps:
    """Fetching and embedding, each behind a gate."""

    fetching: Gate = field(default_factory=Gate)
    embedding: Gate = field(default_factory=Gate)
    fetched: list[int] = field(default_factory=list)

    def fetch(self, asked: Request) -> Fetched | Settled | Retry:
        self.fetching.pass_through()
        self.fetched.append(asked.delivery.stream_seq)
        return Fetched(asked.delivery, asked.job, IMAGE)

    def embed(self, photo: Fetched) -> Result:
        self.embedding.pass_through()
        return Recognised(photo.delivery, photo.job, embedded_face())


@pytest.fixture
def steps() -> Iterator[Steps]:
    made = Steps()
    yield made
    made.fetching.open.set()
    made.embedding.open.set()


def under_way(  # noqa: PLR0913 - each bound of its own
    steps: Steps,
    *,
    photos: int = 4,
    image_bytes: int = 1000,
    fetchers: int = 4,
    cores: int = 1,
    deadline_s: float = PATIENCE_S,
    stop: threading.Event | None = None,
    fetch: Callable[[Request], Fetched | Settled | Retry] | None = None,
) -> UnderWay:
    bounds = Bounds(photos, image_bytes, fetchers, cores, deadline_s)
    return UnderWay(
        fetch or steps.fetch, steps.embed, bounds, stop or threading.Event(), RETRY_DELAY_S
    )


def results(futures: list[Future[Result]]) -> list[Result]:
    return [future.result(PATIENCE_S) for future in futures]


def test_images_are_fetched_while_another_is_computed(steps: Steps) -> None:
    steps.fetching.open.set()
    begun = under_way(steps)
    first = begun.begin(request(1))
    steps.embedding.wait_inside(1)
    others = [begun.begin(request(number)) for number in (2, 3)]
    while len(steps.fetched) < 3:
        assert not first.done()
    steps.embedding.open.set()
    done = results([first, *others])
    assert [result.delivery.stream_seq for result in done] == [1, 2, 3]
    assert all(isinstance(result, Recognised) for result in done)


def test_no_more_photos_are_under_way_than_allowed(steps: Steps) -> None:
    begun = under_way(steps, photos=2)
    first = [begun.begin(request(number)) for number in (1, 2)]
    with ThreadPoolExecutor(1) as thread:
        third = thread.submit(begun.begin, request(3))
        steps.fetching.wait_inside(2)
        assert not third.running() or not third.done()
        steps.fetching.open.set()
        steps.embedding.open.set()
        results([*first, third.result(PATIENCE_S)])


def test_no_fetch_begins_while_too_many_bytes_wait_for_a_core(steps: Steps) -> None:
    steps.fetching.open.set()
    begun = under_way(steps, image_bytes=2 * len(IMAGE), fetchers=1)
    futures = [begun.begin(request(number)) for number in (1, 2, 3, 4)]
    steps.embedding.wait_inside(1)
    while len(steps.fetched) < 2:
        pass
    assert steps.fetched == [1, 2]
    steps.embedding.open.set()
    results(futures)
    assert steps.fetched == [1, 2, 3, 4]


def test_what_a_fetch_settles_is_the_result_and_makes_room(steps: Steps) -> None:
    def absent(asked: Request) -> Settled:
        return Settled(asked.delivery, asked.job, Reason.IMAGE_NOT_FOUND)

    begun = under_way(steps, photos=1, fetch=absent)
    done = results([begun.begin(request(number)) for number in (1, 2, 3)])
    assert {getattr(result, "reason", None) for result in done} == {Reason.IMAGE_NOT_FOUND}


def test_an_error_comes_out_where_the_result_is_read(steps: Steps) -> None:
    def broken(_asked: Request) -> Settled:
        raise ValueError("a bug")

    begun = under_way(steps, photos=1, fetch=broken)
    for number in (1, 2):
        with pytest.raises(ValueError, match="a bug"):
            begun.begin(request(number)).result(PATIENCE_S)


def test_a_stop_leaves_time_to_finish_what_was_begun_and_what_waits_for_room(steps: Steps) -> None:
    stop = threading.Event()
    way = under_way(steps, photos=3, fetchers=1, stop=stop)
    computed = way.begin(request(1))
    steps.fetching.open.set()
    steps.embedding.wait_inside(1)
    steps.fetching.open.clear()
    fetching, queued = way.begin(request(2)), way.begin(request(3))
    steps.fetching.wait_inside(1)
    stop.set()
    with ThreadPoolExecutor(1) as thread:
        no_room = thread.submit(way.begin, request(4))
        steps.fetching.open.set()
        steps.embedding.open.set()
        done = way.finish([computed, fetching, queued, no_room.result(PATIENCE_S)])
    assert all(isinstance(result, Recognised) for result in done)


def test_what_was_given_up_is_neither_fetched_nor_computed_afterwards(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow.process.begun.DRAIN_S", 0)
    stop = threading.Event()
    way = under_way(steps, fetchers=1, stop=stop)
    fetching, queued = way.begin(request(1)), way.begin(request(2))
    steps.fetching.wait_inside(1)
    stop.set()
    assert all(isinstance(result, Retry) for result in way.finish([fetching, queued]))
    steps.fetching.open.set()
    steps.fetching.wait_inside(0)
    last = way.begin(request(3))
    steps.embedding.wait_inside(1)
    assert steps.fetched == [1, 3]
    steps.embedding.open.set()
    last.result(PATIENCE_S)


def test_an_image_that_is_late_comes_again_and_the_next_one_is_computed(steps: Steps) -> None:
    steps.fetching.open.set()
    way = under_way(steps, deadline_s=0.3)
    with capture_logs() as logs:
        first = way.begin(request(1, attempt=2)).result(PATIENCE_S)
    assert isinstance(first, Retry)
    assert first.delay_s == 2 * RETRY_DELAY_S
    assert [line["event"] for line in logs] == ["image_late"]
    steps.embedding.open.set()
    assert isinstance(way.begin(request(2)).result(PATIENCE_S), Recognised)


def test_an_image_that_is_late_alone_is_undecodable(steps: Steps) -> None:
    steps.fetching.open.set()
    with capture_logs():
        way = under_way(steps, deadline_s=0.3)
        late = way.begin(request(1, attempt=3)).result(PATIENCE_S)
    assert isinstance(late, Settled)
    assert (late.reason, late.detail) == (
        Reason.IMAGE_UNDECODABLE,
        "not recognised within 0.3 s",
    )


def test_a_drain_waits_for_what_was_begun_but_not_for_ever(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow.process.begun.DRAIN_S", 0.3)
    stop = threading.Event()
    way = under_way(steps, photos=3, fetchers=3, stop=stop)
    results = [way.begin(request(number)) for number in (1, 2, 3)]
    steps.fetching.wait_inside(3)
    stop.set()
    results.append(way.begin(request(4)))  # for which there is no room
    finished = way.finish(results)
    assert [isinstance(done, Retry) and done.delay_s for done in finished] == [0] * 4


def test_the_end_of_a_stream_without_a_stop_waits_for_everything(steps: Steps) -> None:
    steps.fetching.open.set()
    steps.embedding.open.set()
    way = under_way(steps)
    results = [way.begin(request(number)) for number in range(9)]
    assert all(isinstance(done, Recognised) for done in way.finish(results))
