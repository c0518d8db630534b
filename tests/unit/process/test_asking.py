"""Whether a dependency still answers, asked while no job asks it anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from dataflow.jobs.errors import DataError, SystemicError, TransientError
from dataflow.jobs.reason import Reason
from dataflow.process.asking import EVERY_S, WHILE_AWAY_S, WITHIN_S, keep_asking
from dataflow.process.health import Health
from tests.builders import RecordingStop

STORE = "object store"
REFUSED, SLOW = SystemicError("refused"), TransientError("slow")


@dataclass
class Dependency:
    """Answers each question with the next of these; notes what is known while it is asked."""

    health: Health
    answers: list[Exception | None]
    known: list[list[str]] = field(default_factory=list)

    def ask(self) -> None:
        self.known.append([cause.error for cause in self.health.causes()])
        answer = self.answers.pop(0)
        if answer:
            raise answer


@pytest.fixture
def health() -> Health:
    return Health()


def asked(health: Health, *answers: Exception | None, waits: int) -> tuple[Dependency, list[float]]:
    """Ask until the stop comes, which the last of so many waits brings."""
    dependency, stop = Dependency(health, list(answers)), RecordingStop(waits)
    keep_asking(STORE, dependency.ask, health, stop)
    return dependency, [wait_s or 0 for wait_s in stop.waits]


def errors(health: Health) -> Iterator[str]:
    return (cause.error for cause in health.causes())


def test_what_does_not_answer_is_known_until_it_does(health: Health) -> None:
    dependency, waits = asked(health, None, REFUSED, REFUSED, None, None, waits=5)

    assert dependency.known == [[], [], ["refused"], ["refused"], []]
    assert waits == [EVERY_S, EVERY_S, WHILE_AWAY_S, WHILE_AWAY_S, EVERY_S, EVERY_S]


def test_one_slow_answer_is_not_enough(health: Health) -> None:
    dependency, _ = asked(health, SLOW, None, SLOW, SLOW, waits=4)

    assert not dependency.answers
    assert list(errors(health)) == ["slow"]


def test_it_is_known_soon() -> None:
    assert EVERY_S + 2 * WITHIN_S + WHILE_AWAY_S < 15


def test_a_refusal_is_an_answer(health: Health) -> None:
    asked(health, DataError(Reason.IMAGE_NOT_FOUND, "no such object"), waits=1)

    assert not health.causes()


def test_what_jobs_suffer_from_is_left_to_them(health: Health) -> None:
    job = health.watch(STORE)
    job.failed("AccessDenied for photos/1.jpg")

    dependency, _ = asked(health, waits=3)

    assert not dependency.known
    assert list(errors(health)) == ["AccessDenied for photos/1.jpg"]
    job.succeeded()
    assert not health.causes()


def test_what_a_job_says_counts_more_than_what_was_seen_before(health: Health) -> None:
    class Job(RecordingStop):
        """Comes across the failure itself while nobody asks."""

        def wait(self, timeout: float | None = None) -> bool:
            if len(self.waits) == 1:
                job.failed("no such bucket")
            return super().wait(timeout)

    job, dependency = health.watch(STORE), Dependency(health, [REFUSED])

    keep_asking(STORE, dependency.ask, health, Job(2))

    assert list(errors(health)) == ["no such bucket"]
    job.succeeded()
    assert not health.causes()


@pytest.mark.parametrize(
    ("answer", "questions"),
    [(None, 0), (DataError(Reason.IMAGE_NOT_FOUND, "no such object"), 0), (SLOW, 2)],
)
def test_nothing_is_asked_while_jobs_get_answers(
    health: Health, answer: Exception | None, questions: int
) -> None:
    try:
        with health.watch(STORE):
            if answer:
                raise answer
    except (DataError, TransientError):
        pass

    dependency, _ = asked(health, None, None, waits=2)

    assert len(dependency.known) == questions
