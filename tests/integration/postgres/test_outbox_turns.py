"""Every photo has its turn: none keeps another one waiting, and nothing is told twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.tags.outbox import MOST, Outbox
from dataflow.tags.change import TagChange
from tests.builders import photo
from tests.feed import assert_in_order
from tests.fixtures.recording import Records
from tests.outbox import add_tags, all_of, refuse


@pytest.fixture
def outbox(records: Records) -> Iterator[Outbox]:
    with closing(Database(records.settings)) as database:
        yield Outbox(database)


def test_a_photo_with_many_changes_keeps_no_other_one_waiting(
    records: Records, outbox: Outbox
) -> None:
    records.add_user(1, 0)
    add_tags(records, 1)
    all_of(outbox)
    records.run(
        "insert into face_outbox (photo_id, face_index, change, cause) "
        "select %s, 0, 'remeasured', 'job' from generate_series(1, %s)",
        photo(1),
        2 * MOST,
    )
    add_tags(records, 2)
    told: list[TagChange] = []
    outbox.wave(told.extend)
    assert {change.photo_id for change in told} == {photo(1), photo(2)}


def test_all_photos_have_their_turn_however_many_changes_come_to_the_others(
    records: Records, outbox: Outbox
) -> None:
    outbox.most = 3
    records.add_user(1, 0)
    add_tags(records, *range(1, 11))
    told: list[TagChange] = []
    for _ in range(4):
        outbox.wave(told.extend)
        records.run("update face_matches set confidence = random()")
    assert {change.photo_id for change in told} == {photo(number) for number in range(1, 11)}
    assert_in_order([*told, *all_of(outbox)])


def test_what_somebody_else_has_told_since_it_was_read_is_not_told_again(
    records: Records, outbox: Outbox
) -> None:
    records.add_user(1, 0)
    add_tags(records, 1, 2)
    records.run("update face_matches set confidence = 0.5")
    told: list[TagChange] = []
    outbox.wave(told.extend)
    with closing(Database(records.settings)) as other:
        told += all_of(Outbox(other))
    assert outbox.wave(refuse) in {(), None}
    assert [change.seq for change in told] == [1, 2, 3, 4]
