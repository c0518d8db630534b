"""Two people with one face, enrolled at the same moment: the later one sees the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from connectors.postgres.gallery.enrolments import EnrolmentRegister
from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import Enrolment, Judge, Neighbours, Offer, Portrait, Status
from dataflow.persons.ended import PersonSettled
from dataflow.persons.photos import InTurn
from dataflow.persons.reason import PersonReason
from tests.builders import FakePack
from tests.integration.people.place import Place, Step
from tests.patience import PATIENCE_S
from tests.unit.gallery.album import THRESHOLD, examiner
from tests.world import eventually

T = TypeVar("T")

WAITS = "select from pg_locks where locktype = 'advisory' and not granted"


@dataclass
class Held:
    """The first enrolment stands still between its judgement and its commit, until it may go."""

    stands: threading.Event = field(default_factory=threading.Event)
    may_go: threading.Event = field(default_factory=threading.Event)

    def judging(self, judge: Judge | None) -> Judge:
        def judged(some: Sequence[Enrolment], neighbours: Neighbours) -> Sequence[Enrolment]:
            found = judge(some, neighbours) if judge else some
            if not self.stands.is_set():
                self.stands.set()
                assert self.may_go.wait(PATIENCE_S)
            return found

        return judged


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held, save = Held(), EnrolmentRegister.save

    def slowly(
        self: EnrolmentRegister, enrolments: Sequence[Enrolment], judge: Judge | None = None
    ) -> Sequence[Enrolment]:
        return save(self, enrolments, held.judging(judge))

    monkeypatch.setattr(EnrolmentRegister, "save", slowly)
    return held


def at_once(
    place: Place, held: Held, first: Callable[[], T], second: Callable[[], T]
) -> tuple[T, T]:
    """Begin the second when the first has been judged and is not stored yet."""

    def alone(work: Callable[[], T]) -> T:
        try:
            return work()
        finally:
            place.database.close()  # the connection is this thread's

    def is_in_the_way() -> bool:
        with place.database.connection() as connection:
            return later.done() or connection.execute(WAITS).fetchone() is not None

    with ThreadPoolExecutor(2) as pool:
        earlier = pool.submit(alone, first)
        assert held.stands.wait(PATIENCE_S)
        later = pool.submit(alone, second)
        eventually(is_in_the_way, "the second waits, or is done")
        held.may_go.set()
        return earlier.result(), later.result()


def test_of_two_requests_the_later_one_is_refused_and_names_the_other(
    place: Place, held: Held
) -> None:
    place.clashes = ClashLimit(THRESHOLD)
    ana, bea = uuid4(), uuid4()

    first, second = at_once(
        place, held, lambda: place.do(ana, 1, Step()), lambda: place.do(bea, 2, Step())
    )

    assert (first.reason, second.reason) == (PersonReason.ENROLLED, PersonReason.CLASHES)
    assert other(second) == ana
    assert second.event
    assert second.event.galleries is None
    assert place.known(bea) == (set(), False, False)
    # What was said of it is what is said again.
    assert place.do(bea, 2, Step(), attempt=2).event == second.event


def test_a_consent_that_is_refused_lifts_no_withdrawal(place: Place, held: Held) -> None:
    place.clashes = ClashLimit(THRESHOLD)
    ana, bea = uuid4(), uuid4()
    place.do(bea, 1, Step(withdraws=True))

    _, second = at_once(
        place,
        held,
        lambda: place.do(ana, 2, Step()),
        lambda: place.do(bea, 3, Step(consents=True)),
    )

    assert second.reason == PersonReason.CLASHES
    assert place.known(bea) == (set(), False, True)


def test_of_two_commands_the_later_one_is_refused_and_keeps_no_photo(
    place: Place, held: Held
) -> None:
    forgotten: list[str] = []
    register = EnrolmentRegister(
        place.database, FakePack.contract.id, "Olga", forgotten.extend, again=True
    )

    def kept(user_id: UUID, portrait: Portrait) -> str:
        return f"{user_id}/{portrait.photo}"

    enroller = Enroller(examiner(), register, InTurn(), ClashLimit(THRESHOLD), keep=kept)
    ana, bea = uuid4(), uuid4()

    (first,), (second,) = at_once(
        place,
        held,
        lambda: list(enroller.enrol([Offer(ana, ("0.png",))])),
        lambda: list(enroller.enrol([Offer(bea, ("0 again.png",))])),
    )

    assert (first.status, second.status) == (Status.ENROLLED, Status.CLASHES)
    assert second.clash
    assert second.clash.user_id == ana
    assert forgotten == [f"{bea}/0 again.png"]


def test_one_user_who_is_added_twice_at_once_is_enrolled_twice(place: Place, held: Held) -> None:
    register = EnrolmentRegister(place.database, FakePack.contract.id)
    enroller = Enroller(examiner(), register, InTurn(), ClashLimit(THRESHOLD))
    ana = uuid4()

    done = at_once(
        place,
        held,
        lambda: list(enroller.enrol([Offer(ana, ("0.png",))])),
        lambda: list(enroller.enrol([Offer(ana, ("0 again.png", "none.png"))])),
    )

    assert [enrolment.status for (enrolment,) in done] == [Status.ENROLLED] * 2


def other(settled: PersonSettled) -> UUID | None:
    """Whom the event names."""
    clash = settled.event and settled.event.clash
    return clash.user_id if clash else None
