"""Waves of changes: nothing is lost or overtaken, however often they break."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dataflow.tags.change import TagChange, Tags, replayed
from dataflow.tags.wave import next_wave
from tests.builders import tag_change
from tests.tag_stories import stories


def test_a_wave_has_the_first_change_of_each_photo() -> None:
    waiting = [tag_change(4, 2), tag_change(3, 1), tag_change(1, 2), tag_change(9, 3)]
    assert [change.seq for change in next_wave(waiting)] == [1, 3, 9]


@given(stories(), st.integers(0, 2**32))
def test_a_stream_that_loses_half_of_each_wave_has_all_changes_of_a_photo_in_their_order(
    story: tuple[list[TagChange], Tags], seed: int
) -> None:
    # Of a seed, as waves are without end: drawn one by one they take a minute.
    chance = Random(seed)  # noqa: S311 - no secret
    waiting, tags = list(story[0]), story[1]
    stream: list[TagChange] = []
    known: set[int] = set()
    while waiting:
        wave = next_wave(waiting[: chance.randint(1, 10)])
        arrive = chance.sample(wave, chance.randint(0, len(wave)))
        # It drops what it knows, but not for ever.
        stream += [change for change in arrive if change.seq not in known or chance.random() < 0.5]
        known |= {change.seq for change in arrive}
        if known.issuperset(change.seq for change in wave):
            waiting = [change for change in waiting if change not in wave]

    for photo_id in {change.photo_id for change in story[0]}:
        seqs = [change.seq for change in stream if change.photo_id == photo_id]
        assert seqs == sorted(seqs)
    assert known == {change.seq for change in story[0]}
    assert replayed(stream) == tags
