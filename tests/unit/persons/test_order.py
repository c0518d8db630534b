"""Which of two requests came first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dataflow.persons.order import Moment, Standing

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seq: int | None, seconds: float = 0) -> Moment:
    return Moment(seq, NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (at(2), at(1)),
        (at(2, -1), at(1)),  # the clock of a new leader may be behind
        (at(1, 3600), at(900)),  # the stream was made again, and counts from 1
        (at(None, 1), at(7)),  # a command counts by its time
        (at(7, 1), at(None)),
    ],
)
def test_the_later_is_known(later: Moment, earlier: Moment) -> None:
    assert later.is_after(earlier)
    assert not earlier.is_after(later)


def test_nothing_is_after_itself_and_all_is_after_nothing() -> None:
    assert not at(1).is_after(at(1))
    assert at(1).is_after(None)


@pytest.mark.parametrize(
    ("standing", "moment", "consents", "refused"),
    [
        (Standing(), at(1), False, False),
        (Standing(withdrawn=at(2), in_force=True), at(1), True, True),
        (Standing(withdrawn=at(2), in_force=True), at(3), False, True),
        (Standing(withdrawn=at(2), in_force=True), at(3), True, False),
        (Standing(withdrawn=at(2), agreed=at(4)), at(3), False, True),
        (Standing(withdrawn=at(2), agreed=at(4)), at(5), False, False),
        (Standing(withdrawn=at(2), agreed=at(4)), at(1), True, True),
    ],
)
def test_a_withdrawal_refuses_what_it_must(
    standing: Standing,
    moment: Moment,
    consents: bool,  # noqa: FBT001 - a case
    refused: bool,  # noqa: FBT001 - a case
) -> None:
    assert standing.refuses(moment, consents=consents) is refused


def test_only_what_is_earlier_is_superseded() -> None:
    standing = Standing(replaced=at(5))
    assert [standing.supersedes(at(seq)) for seq in (4, 5, 6)] == [True, False, False]
