"""The subject that a delivery's answer goes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.jetstream.jobs.ack_token import read

PUBLISHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.PHOTO_FACES.soloface.3.42.7.1767323045000001000.5",
        "$JS.ACK.hub.accounthash.PHOTO_FACES.soloface.3.42.7.1767323045000001000.5",
        "$JS.ACK.hub.accounthash.PHOTO_FACES.soloface.3.42.7.1767323045000001000.5.token",
        "$JS.ACK._.accounthash.PHOTO_FACES.soloface.3.42.7.1767323045000001000.5.token.more",
    ],
    ids=["plain", "with a domain", "with a token", "with more"],
)
def test_a_delivery_is_read_from_the_reply_subject(reply: str) -> None:
    token = read(reply)
    assert token
    assert (token.stream_seq, token.attempt) == (42, 3)
    assert token.published_at == PUBLISHED + timedelta(microseconds=1)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "_INBOX.abc.1",
        "$JS.ACK",
        "$JS.ACK.",
        "$JS.ACK.S.d.1.2.3.4",
        "$JS.ACK.S.d.1.2.3.4.5.6",
        "$JS.ACK.S.d.1.2.3.4.x",
        "$JS.ACK.S.d.1.2.3.4.-5",
        "$JS.ACK.S.d.1.2.3.4.\u0665",
        "$JS.ACK.S.d.1.2.3.4." + "9" * 5000,
        "$JS.FC.S.d.1.2.3.4.5",
    ],
)
def test_what_is_no_delivery_is_known_as_such(reply: str) -> None:
    assert read(reply) is None


@given(
    st.text() | st.lists(st.text(max_size=22), max_size=14).map(".".join).map("$JS.ACK.".__add__)
)
def test_any_subject_is_read_without_an_error(reply: str) -> None:
    read(reply)


@given(*[st.integers(0, 10**18)] * 5)
def test_any_numbers_that_the_server_may_write_are_read(
    attempt: int, stream_seq: int, consumer_seq: int, published_ns: int, pending: int
) -> None:
    token = read(f"$JS.ACK.S.d.{attempt}.{stream_seq}.{consumer_seq}.{published_ns}.{pending}")
    assert token
    assert (token.attempt, token.stream_seq) == (attempt, stream_seq)
