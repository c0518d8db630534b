"""Header blocks: what is read from them, and that nothing in them raises."""

from __future__ import annotations

import pytest
from hypothesis import given

from connectors.jetstream.headers import parse
from dataflow.process.trace import traceparent_of
from tests.headers import HOSTILE, blocks


@pytest.mark.parametrize(
    ("block", "headers"),
    [
        (None, None),
        (b"", None),
        (b"X", None),
        (b"NATS/1.0\r\n\r\n", None),
        (b"NATS/1.0\r\nA: b\r\n\r\n", {"A": "b"}),
        (b"NATS/1.0\r\nA:b\r\nB:\t c d \r\n\r\n", {"A": "b", "B": "c d"}),
        (b"NATS/1.0\r\nA: 1\r\nA: 2\r\na: 3\r\n\r\n", {"A": "2", "a": "3"}),
        (b"NATS/1.0\r\nA:\r\nB: x:y\r\n\r\n", {"A": "", "B": "x:y"}),
        ("NATS/1.0\r\nA: ü\r\n\r\n".encode(), {"A": "ü"}),
        (b"NATS/1.0\r\nA: \xff\r\n\xff: b\r\nB c: d\r\n: e\r\nf\r\n\r\n", {"A": "\ufffd"}),
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503", "Description": ""}),
        (
            b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\n\r\n",
            {"Status": "408", "Description": "Request Timeout", "Nats-Pending-Messages": "3"},
        ),
        (b"NATS/1.0 4040\r\n\r\n", None),
        (b"NATS/1.0 \xb2\xb3\xb9\r\n\r\n", None),
    ],
)
def test_headers_are_read_line_by_line(block: bytes | None, headers: dict[str, str] | None) -> None:
    assert parse(block) == headers


def read_without_an_error(block: bytes) -> None:
    headers = parse(block) or {}
    assert all(name.isascii() and name.isprintable() and ":" not in name for name in headers)
    traceparent_of(headers)
    "".join(headers.values()).encode()


@pytest.mark.parametrize("block", HOSTILE)
def test_what_looks_like_the_servers_word_is_read_without_an_error(block: bytes) -> None:
    read_without_an_error(block)


@given(blocks())
def test_any_block_is_read_without_an_error(block: bytes) -> None:
    read_without_an_error(block)
