"""Step 5."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.steps.dedup import SHARDS, SeenPhotos, shard_of
from dataflow.steps.request import Recognised
from tests.builders import recognised

WINDOW_S = 120.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def seen(clock: Clock) -> SeenPhotos:
    return SeenPhotos(WINDOW_S, 1000, clock)


def marks(seen: SeenPhotos, *jobs: tuple[int, int]) -> list[int | None]:
    """What jobs, given as photo and sequence, are marked as."""
    return [seen.mark(recognised(number, seq=seq)).duplicate_of for number, seq in jobs]


def test_the_first_job_of_a_photo_passes_untouched(seen: SeenPhotos) -> None:
    item = recognised()
    assert seen.mark(item) is item


def test_every_further_job_of_a_photo_is_marked_with_the_first(seen: SeenPhotos) -> None:
    assert marks(seen, (1, 10), (1, 11), (2, 12), (1, 13)) == [None, 10, None, 10]


def test_a_redelivery_passes_again_whatever_came_between(seen: SeenPhotos) -> None:
    assert marks(seen, (1, 10), (1, 11), (1, 10), (1, 11)) == [None, 10, None, 10]


def test_a_photo_is_forgotten_after_the_window(seen: SeenPhotos, clock: Clock) -> None:
    marks(seen, (1, 10))
    clock.now += WINDOW_S
    assert marks(seen, (1, 11)) == [10]
    clock.now += 0.001
    assert marks(seen, (1, 12)) == [None]


def test_a_redelivery_begins_the_window_again_and_a_duplicate_does_not(
    seen: SeenPhotos, clock: Clock
) -> None:
    marks(seen, (1, 10), (2, 20))
    clock.now += 0.6 * WINDOW_S
    marks(seen, (1, 10), (2, 21))
    clock.now += 0.6 * WINDOW_S
    assert marks(seen, (1, 12), (2, 22)) == [10, None]


def test_expired_photos_leave_the_memory(seen: SeenPhotos, clock: Clock) -> None:
    marks(seen, *((number, number) for number in range(500)))
    clock.now += WINDOW_S + 1
    marks(seen, (1000, 1000))
    assert len(seen) == 1


def test_the_oldest_photos_go_first_when_the_memory_is_full(clock: Clock) -> None:
    seen = SeenPhotos(WINDOW_S, 3, clock)
    marks(seen, (1, 1), (2, 2), (3, 3), (4, 4))
    assert len(seen) == 3
    assert marks(seen, (4, 14), (3, 13), (1, 11)) == [4, 3, None]


@pytest.mark.parametrize("entries", [1, 2, 3])
def test_a_full_memory_still_knows_what_is_in_it(entries: int, clock: Clock) -> None:
    seen = SeenPhotos(WINDOW_S, entries, clock)
    jobs = [(number, number) for number in range(entries)]
    marks(seen, *jobs)
    again = [(number, seq + 100) for number, seq in jobs]
    assert marks(seen, *again) == [seq for _, seq in jobs]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.floats(0, WINDOW_S)), max_size=60),
    st.integers(1, 8),
)
def test_nothing_is_ever_lost_or_altered_but_for_the_mark(
    arrivals: list[tuple[int, int, float]], entries: int
) -> None:
    clock = Clock()
    seen = SeenPhotos(WINDOW_S, entries, clock)
    passed: dict[int, list[int]] = {}
    for number, seq, later_s in arrivals:
        clock.now += later_s
        item = recognised(number, seq=seq)
        marked = seen.mark(item)
        assert replace(marked, duplicate_of=None) == item
        assert len(seen) <= entries
        if marked.duplicate_of is None:
            passed.setdefault(number, []).append(seq)
        else:
            assert marked.duplicate_of != seq
            assert marked.duplicate_of in passed[number]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=60))
def test_of_each_photo_one_job_passes_within_the_window(arrivals: list[tuple[int, int]]) -> None:
    seen = SeenPhotos(WINDOW_S, 1000, Clock())
    first: dict[int, int] = {}
    for number, seq in arrivals:
        (mark,) = marks(seen, (number, seq))
        original = first.setdefault(number, seq)
        assert mark == (None if seq == original else original)


def item_of(number: int) -> Recognised:
    return recognised(number)


def test_a_photo_has_one_shard_in_every_process_of_every_release() -> None:
    assert [shard_of(item_of(n)) for n in (1, 2, 3)] == ["3", "57", "47"]
    assert shard_of(recognised(7, seq=1)) == shard_of(recognised(7, seq=2))


def test_photos_are_spread_over_all_shards() -> None:
    counts = Counter(shard_of(item_of(n * 0x9E3779B97F4A7C15 % 2**128)) for n in range(3200))
    assert len(counts) == SHARDS
    assert max(counts.values()) < 2 * 3200 / SHARDS
