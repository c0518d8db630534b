"""A delivery that travels to another process takes its heartbeat along."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

from dataflow.jobs import custody
from dataflow.jobs.custody import UNCLAIMED
from dataflow.steps.request import Fetched
from tests.builders import delivery, recognised, request

RECEIPT = "inbox.1"


class Tokens(set[str]):
    """What somebody vouches for, and the receipts that were given for it."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts: list[str] = []

    def takes(self, ack_token: str) -> bool:
        return not ack_token.startswith("$JS.ACK.OTHERS.")

    def left(self, ack_token: str) -> str:
        self.remove(ack_token)
        return RECEIPT

    def arrived(self, ack_token: str, receipt: str) -> None:
        self.add(ack_token)
        self.receipts.append(receipt)


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
    tokens.add(token)
    data = pickle.dumps(item)
    assert tokens == set()
    arrived = pickle.loads(data)  # noqa: S301 - made here
    assert (tokens, tokens.receipts) == ({token}, [RECEIPT])
    assert type(arrived) is type(item)


def test_what_nobody_vouched_for_is_not_vouched_for_where_it_arrives(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "left", lambda _: UNCLAIMED)
    pickle.loads(pickle.dumps(delivery()))  # noqa: S301 - made here
    assert (tokens, tokens.receipts) == (set(), [])


def test_a_delivery_arrives_as_it_left() -> None:
    left = delivery(b"payload", seq=7, attempt=3)
    assert pickle.loads(pickle.dumps(left)) == left  # noqa: S301 - made here


def test_a_copy_within_the_process_changes_nothing(tokens: Tokens) -> None:
    mine = delivery()
    tokens.add(mine.ack_token)
    assert copy.deepcopy(mine) == mine
    assert tokens == {mine.ack_token}
