"""A delivery that travels to another process takes its heartbeat along."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterable, Iterator

import pytest

from dataflow import custody
from dataflow.job import Fetched
from tests.builders import delivery, recognised, request


class Tokens(set[str]):
    """What somebody vouches for."""

    def add(self, ack_tokens: Iterable[str]) -> None:
        self.update(ack_tokens)

    def remove(self, ack_token: str) -> None:
        self.discard(ack_token)


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    held = Tokens()
    custody.appoint(held)
    yield held
    custody.dismiss(held)


@pytest.mark.parametrize(
    "item", [delivery(), request(), recognised(), Fetched(delivery(), request().job, b"")]
)
def test_what_leaves_is_let_go_and_what_arrives_is_vouched_for(
    item: object, tokens: Tokens
) -> None:
    token = delivery().ack_token
    tokens.add([token])
    data = pickle.dumps(item)
    assert tokens == set()
    arrived = pickle.loads(data)  # noqa: S301 - made here
    assert tokens == {token}
    assert type(arrived) is type(item)


def test_a_delivery_arrives_as_it_left() -> None:
    left = delivery(b"payload", seq=7, attempt=3)
    assert pickle.loads(pickle.dumps(left)) == left  # noqa: S301 - made here


def test_a_copy_within_the_process_changes_nothing(tokens: Tokens) -> None:
    mine = delivery()
    tokens.add([mine.ack_token])
    assert copy.deepcopy(mine) == mine
    assert tokens == {mine.ack_token}
