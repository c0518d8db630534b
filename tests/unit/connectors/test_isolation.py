"""Suspects are tried alone, and so the harmless outlive the deadly."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.jetstream.jobs.isolation import REMEMBERED, Isolation
from dataflow.jobs.delivery import Delivery
from tests.builders import delivery

MAX_DELIVER = 8


@dataclass
class Held:
    """What a process holds, and who is suspected of it."""

    tokens: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.isolation = Isolation(self.tokens, MAX_DELIVER)

    def came(self, *deliveries: Delivery) -> tuple[list[int], list[int]]:
        """Sequences of those that may pass, and of those that go back."""
        self.tokens |= {each.ack_token for each in deliveries}
        passed, back = self.isolation.sort(deliveries)
        self.settle(*back)
        return [each.stream_seq for each in passed], [each.stream_seq for each in back]

    def settle(self, *deliveries: Delivery) -> None:
        self.tokens -= {each.ack_token for each in deliveries}


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.mark.parametrize("attempt", [1, 2, MAX_DELIVER + 1, 99])
def test_who_came_twice_or_is_given_up_anyway_passes(held: Held, attempt: int) -> None:
    assert held.came(delivery(seq=1, attempt=attempt)) == ([1], [])
    assert held.isolation.next() is None


def test_a_suspect_waits_until_everything_else_is_settled(held: Held) -> None:
    other, suspect = delivery(seq=1), delivery(seq=2, attempt=3)
    assert held.came(other, suspect) == ([1], [])
    assert held.isolation.next() is None
    held.settle(other)
    assert held.isolation.next() == suspect
    assert held.isolation.next() is None


def test_nothing_is_pulled_while_a_suspect_waits_or_is_tried(held: Held) -> None:
    suspect = delivery(attempt=3)
    held.came(suspect)
    assert held.isolation.most(8) == 0
    held.isolation.next()
    assert held.isolation.most(8) == 0
    held.settle(suspect)
    assert held.isolation.most(8) == 1


def test_pulls_begin_small_and_grow_until_a_suspect_comes(held: Held) -> None:
    sizes = []
    for _ in range(5):
        sizes.append(held.isolation.most(8))
        held.came(delivery())
    assert sizes == [1, 2, 4, 8, 8]
    suspect = delivery(seq=2, attempt=3)
    held.settle(delivery())
    held.came(suspect)
    held.isolation.next()
    held.settle(suspect)
    assert held.isolation.most(8) == 1


def test_of_several_suspects_one_with_the_most_to_lose_is_kept(held: Held) -> None:
    came = [delivery(seq=1, attempt=3), delivery(seq=2, attempt=4), delivery(seq=3, attempt=3)]
    assert held.came(*came) == ([], [1, 3])
    assert held.isolation.next() == came[1]


def test_those_that_come_again_together_take_turns() -> None:
    first = set()
    for attempt in (5, 6, 7):
        isolation = Isolation(set(), MAX_DELIVER)
        isolation.sort([delivery(seq=seq, attempt=attempt) for seq in (10, 20, 30)])
        suspect = isolation.next()
        assert suspect
        first.add(suspect.stream_seq)
    assert first == {10, 20, 30}


def test_a_suspect_that_comes_while_another_is_tried_goes_back(held: Held) -> None:
    held.came(delivery(seq=1, attempt=3))
    held.isolation.next()
    assert held.came(delivery(seq=2, attempt=3), delivery(seq=3)) == ([3], [2])


def test_a_suspect_is_not_handed_back_for_ever(held: Held) -> None:
    came = [delivery(seq=seq, attempt=5) for seq in (1, 2, 3)]
    assert held.came(*came) == ([], [])
    tried = []
    while suspect := held.isolation.next():
        tried.append(suspect)
        held.settle(suspect)
    assert sorted(tried, key=lambda each: each.stream_seq) == came


def test_nobody_is_handed_back_at_the_last_delivery() -> None:
    isolation = Isolation(set(), max_deliver=4)
    last = [delivery(seq=1, attempt=4), delivery(seq=2, attempt=4)]
    assert isolation.sort(last) == ([], [])
    assert isolation.sort([delivery(seq=3, attempt=3)])[1]


def test_those_that_wait_are_let_go_at_the_end(held: Held) -> None:
    suspect = delivery(attempt=3)
    held.came(suspect)
    assert held.isolation.clear() == [suspect]
    assert held.isolation.next() is None


@dataclass
class Server:
    """Delivers what was not settled once more, before what is new; some of it with a delay."""

    new: deque[int]
    batch: int
    delays: list[int]
    again: dict[int, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    pulls: int = 0

    def pull(self, most: int) -> list[Delivery]:
        self.pulls += 1
        due = sorted(seq for seq, pull in self.again.items() if pull <= self.pulls)[:most]
        for seq in due:
            del self.again[seq]
        while self.new and len(due) < most:
            due.append(self.new.popleft())
        for seq in due:
            self.attempts[seq] = self.attempts.get(seq, 0) + 1
        return [delivery(seq=seq, attempt=self.attempts[seq]) for seq in due]

    def expire(self, sequences: list[int], delay: int) -> None:
        self.again |= dict.fromkeys(sequences, self.pulls + delay)


def live(server: Server, deadly: set[int], done: dict[int, str]) -> None:
    """One life of a process, until nothing is left or an image kills it."""
    held, queue = Held(), deque[Delivery]()
    known: dict[str, int] = {}
    while server.new or server.again or held.tokens:
        room = min(server.batch, 2 * server.batch - len(queue))
        if most := held.isolation.most(room):
            came = server.pull(most)
            known |= {each.ack_token: each.stream_seq for each in came}
            held.tokens |= {each.ack_token for each in came}
            passed, back = held.isolation.sort(came)
            queue.extend(passed)
            held.settle(*back)
            server.expire([each.stream_seq for each in back], 0)
        batch = [queue.popleft() for _ in range(min(server.batch, len(queue)))]
        if not batch and (suspect := held.isolation.next()):
            batch = [suspect]
        tried = {each.stream_seq for each in batch if each.attempt <= MAX_DELIVER}
        if tried & deadly:
            lost = [known[token] for token in held.tokens]
            server.expire(lost, server.delays[len(lost) % len(server.delays)])
            return
        for each in batch:
            done[each.stream_seq] = "matched" if each.stream_seq in tried else "exhausted"
        held.settle(*batch)


@given(
    st.integers(1, 120),
    st.sets(st.integers(1, 120), max_size=5),
    st.integers(1, 8),
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
)
@example(jobs=41, deadly={1, 2, 40}, batch=4, delays=[8, 0])  # one always before another
def test_only_what_kills_is_given_up_however_it_comes(
    jobs: int, deadly: set[int], batch: int, delays: list[int]
) -> None:
    server, done = Server(deque(range(1, jobs + 1)), batch, delays), dict[int, str]()
    for _ in range(len(deadly) * MAX_DELIVER + 1):
        live(server, deadly, done)
    assert done == {seq: "exhausted" if seq in deadly else "matched" for seq in range(1, jobs + 1)}


def test_who_came_back_harmlessly_is_no_suspect_for_that(held: Held) -> None:
    for attempt in (1, 2):
        held.isolation.absolve(delivery(seq=1, attempt=attempt))
    third, fifth = (delivery(seq=1, attempt=attempt) for attempt in (3, 5))
    assert held.came(third) == ([1], [])
    held.settle(third)
    assert held.came(fifth) == ([], [])  # two deliveries went elsewhere, and one is this one
    assert held.isolation.next() == fifth


def test_the_memory_of_harmless_jobs_is_bounded(held: Held) -> None:
    for seq in range(REMEMBERED + 1):
        held.isolation.absolve(delivery(seq=seq))
    assert len(held.isolation._absolved) == REMEMBERED
    assert held.came(delivery(seq=0, attempt=3)) == ([], [])
