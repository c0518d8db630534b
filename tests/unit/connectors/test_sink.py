"""The sink's order of things, with a recorder and a client that only take notes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.jetstream.client import SharedJetStream
from connectors.postgres.photos.recorder import Recorder
from connectors.sink import RecordingPartition, Result, waves
from connectors.telemetry.tracing import Ended
from dataflow.jobs.errors import Stopped, SystemicError, TransientError
from dataflow.jobs.outcome import Gone, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.steps.request import Recognised
from tests.builders import RecordingStop, delivery, recognised, request, settled

RETRY_DELAY_S = 5


@dataclass
class Notes:
    """Stands for the shared client, its client, the recorder and its database."""

    events: list[tuple[str, list[int]]] = field(default_factory=list)
    naks: list[Retry] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)
    unannounced: list[Exception] = field(default_factory=list)
    announced: list[tuple[list[int], list[str]]] = field(default_factory=list)
    stop: RecordingStop = field(default_factory=RecordingStop)
    on_close: Exception | None = None
    on_release: Exception | None = None

    model = "fake-0123456789ab"

    @property
    def persistence(self) -> Persistence:
        return Persistence(LinearBackoff(tries=1, step_s=1), self.stop)

    def acquire(self) -> Notes:
        return self

    def release(self) -> None:
        self.events.append(("release", []))
        if self.on_release:
            raise self.on_release

    def close(self) -> None:
        self.events.append(("close", []))
        if self.on_close:
            raise self.on_close

    def record(self, items: Sequence[Recognised | Settled]) -> list[Settled]:
        for item in items:
            if error := self.failures.get(item.delivery.stream_seq):
                raise error
        self.events.append(("commit", sequences(items)))
        return [
            item if isinstance(item, Settled) else Settled(item.delivery, item.job, Reason.MATCHED)
            for item in items
        ]

    def let_go(self, items: Sequence[Gone]) -> None:
        self.events.append(("let go", sequences(items)))

    def announce(self, items: Sequence[Settled], model: str) -> None:
        assert model == self.model
        if self.unannounced:
            raise self.unannounced.pop(0)
        self.announced.append((sequences(items), [name for name, _ in self.events]))

    def settle(self, items: Sequence[Settled | Retry]) -> None:
        if items:
            self.events.append(("answer", sequences(items)))
        self.naks += [item for item in items if isinstance(item, Retry)]


def sequences(items: Sequence[Result]) -> list[int]:
    return [item.delivery.stream_seq for item in items]


def partition(notes: Notes) -> RecordingPartition:
    shared, recorder = cast("SharedJetStream", notes), cast("Recorder", notes)
    return RecordingPartition(shared, recorder, notes.persistence, RETRY_DELAY_S)


def write(notes: Notes, *items: Result) -> list[str]:
    """Write one batch; returns the names of the lines that were logged."""
    with capture_logs() as logs:
        partition(notes).write_batch(list(items))
    return [line["event"] for line in logs]


def sent_back(seq: int) -> Retry:
    asked = request(seq)
    return Retry(asked.delivery, asked.job, "timeout", 10)


def test_a_batch_is_committed_before_any_of_it_is_answered() -> None:
    notes = Notes()
    logged = write(notes, recognised(1), settled(number=2), recognised(3))
    assert notes.events == [("commit", [1, 2, 3]), ("answer", [1, 2, 3])]
    assert logged == ["job_settled"] * 3


def test_an_outcome_is_announced_after_its_commit_and_before_its_answer() -> None:
    notes = Notes()
    write(notes, recognised(1), settled(number=2), sent_back(3))
    assert notes.announced == [([1, 2], ["commit"])]
    assert [name for name, _ in notes.events] == ["commit", "answer", "answer"]


def test_the_worker_holds_while_outcomes_cannot_be_announced() -> None:
    notes = Notes(unannounced=[SystemicError("no such stream")] * 3)
    logged = write(notes, recognised(1))
    assert notes.events == [("commit", [1]), ("answer", [1])]
    assert len(notes.stop.waits) == 3
    assert logged.count("job_settled") == 1


def test_a_stop_sends_back_what_is_stored_but_not_announced() -> None:
    notes = Notes(unannounced=[SystemicError("no such stream")] * 3, stop=RecordingStop(2))
    logged = write(notes, recognised(1))
    assert notes.events == [("commit", [1]), ("answer", [1])]
    assert [nak.delay_s for nak in notes.naks] == [0]
    assert logged[-1] == "job_sent_back"
    assert "job_settled" not in logged


def test_a_second_job_of_a_photo_waits_until_the_first_is_committed() -> None:
    notes = Notes()
    write(notes, recognised(1, seq=1), recognised(1, seq=2), recognised(2, seq=3))
    assert notes.events == [
        ("commit", [1, 3]),
        ("answer", [1, 3]),
        ("commit", [2]),
        ("answer", [2]),
    ]


def test_what_goes_back_is_not_recorded() -> None:
    notes = Notes()
    retry = sent_back(1)
    assert write(notes, retry) == ["job_sent_back"]
    assert notes.events == [("answer", [1])]
    assert notes.naks == [retry]


def test_what_somebody_else_has_settled_is_let_go_of_and_not_answered() -> None:
    notes = Notes()
    gone = Gone(delivery(seq=1), None, "it has left the stream")
    assert write(notes, gone, recognised(2)) == ["job_let_go", "job_settled"]
    assert notes.events == [("let go", [1]), ("commit", [2]), ("answer", [2])]


def test_every_delivery_is_traced_before_it_is_answered() -> None:
    notes = Notes()
    traced: list[tuple[int, int]] = []

    def trace(item: Ended, /) -> Ended:
        traced.append((item.delivery.stream_seq, len(notes.events)))
        return item

    shared, recorder = cast("SharedJetStream", notes), cast("Recorder", notes)
    RecordingPartition(shared, recorder, notes.persistence, RETRY_DELAY_S, trace).write_batch(
        [sent_back(1), recognised(2)]
    )
    assert [name for name, _ in notes.events] == ["commit", "answer", "answer"]
    assert traced == [(2, 1), (1, 2)]


def test_what_goes_back_does_not_hold_up_what_is_done() -> None:
    notes = Notes()
    write(notes, sent_back(1), recognised(2))
    assert notes.events == [("commit", [2]), ("answer", [2]), ("answer", [1])]


@pytest.mark.parametrize(
    ("error", "delay_s"), [(TransientError("deadlock"), RETRY_DELAY_S), (Stopped("stopped"), 0)]
)
def test_what_could_not_be_recorded_goes_back_and_the_rest_is_settled(
    error: Exception, delay_s: float
) -> None:
    notes = Notes(failures={2: error})
    logged = write(notes, recognised(1, seq=1), recognised(2, seq=2), recognised(1, seq=3))
    assert notes.events == [("commit", [3]), ("answer", [3]), ("answer", [1, 2])]
    assert [(nak.detail, nak.delay_s) for nak in notes.naks] == [(str(error), delay_s)] * 2
    assert sorted(logged) == ["job_sent_back", "job_sent_back", "job_settled"]


def test_a_job_goes_back_for_longer_each_time_it_could_not_be_recorded() -> None:
    notes = Notes(failures={1: TransientError("deadlock")})
    write(notes, recognised(1, attempt=3))
    assert [nak.delay_s for nak in notes.naks] == [3 * RETRY_DELAY_S]


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemicError("held, not raised")])
def test_nothing_is_answered_when_recording_fails_as_it_should_not(error: Exception) -> None:
    notes = Notes(failures={2: error})
    with pytest.raises(type(error)):
        write(notes, recognised(1), recognised(2), sent_back(3))
    assert notes.events == []


def test_an_empty_batch_does_nothing() -> None:
    notes = Notes()
    assert write(notes) == []
    assert notes.events == []


ERRORS: list[Callable[[str], Exception]] = [OSError, TimeoutError, RuntimeError]


@pytest.mark.parametrize("broken", ["on_close", "on_release", ""])
@pytest.mark.parametrize("error", ERRORS)
def test_closing_lets_go_of_everything_and_never_raises(
    broken: str, error: Callable[[str], Exception]
) -> None:
    notes = Notes(**{broken: error("gone")} if broken else {})  # type: ignore[arg-type]
    part = partition(notes)
    with capture_logs():
        part.close()
    assert notes.events == [("close", []), ("release", [])]


ITEMS = st.lists(st.none() | st.integers(0, 3), max_size=20)


def items_of(photos: list[int | None]) -> list[Recognised | Settled]:
    """One item per photo, in that order; ``None`` is a payload that could not be read."""
    return [
        Settled(delivery(seq=seq), None, Reason.MALFORMED_PAYLOAD)
        if number is None
        else recognised(number, seq=seq)
        for seq, number in enumerate(photos)
    ]


def photo_of(item: Recognised | Settled) -> UUID | None:
    return item.job.photo_id if item.job else None


@given(ITEMS)
def test_waves_hold_everything_once_and_no_photo_twice(photos: list[int | None]) -> None:
    items = items_of(photos)
    parts = list(waves(items))
    assert all(parts)
    assert sorted(seq for part in parts for seq in sequences(part)) == sequences(items)
    for part in parts:
        known = [photo_id for item in part if (photo_id := photo_of(item))]
        assert len(known) == len(set(known))


@given(ITEMS)
def test_waves_keep_the_order_of_each_photos_jobs(photos: list[int | None]) -> None:
    items = items_of(photos)
    before, after = (
        defaultdict[UUID | None, list[int]](list),
        defaultdict[UUID | None, list[int]](list),
    )
    for item in items:
        before[photo_of(item)].append(item.delivery.stream_seq)
    for part in waves(items):
        for item in part:
            after[photo_of(item)].append(item.delivery.stream_seq)
    assert after == before


@given(ITEMS)
def test_there_are_no_more_waves_than_the_busiest_photo_has_jobs(photos: list[int | None]) -> None:
    known = [number for number in photos if number is not None]
    busiest = max((known.count(number) for number in known), default=min(len(photos), 1))
    assert len(list(waves(items_of(photos)))) == busiest
