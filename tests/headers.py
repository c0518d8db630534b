"""What a publisher may write as a message's headers, and a way to write just that."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable

from hypothesis import strategies as st

from dataflow.settings import NatsSettings

HOSTILE: tuple[bytes, ...] = (
    b"",
    b"X",
    b"NATS/1.0",
    b"NATS/1.0\r\n",
    b"NATS/1.0\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\n\r\n",
    b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\n\r\n",
    b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\n\r\n",
    b"NATS/1.0 \xff\xfe\xfa\r\n\r\n",
    b"NATS/1.0 404\xff\xff\r\n\r\n",
    *(b"NATS/1.0\r\nStatus: %d\r\n\r\n" % code for code in (100, 200, 404, 408, 409, 503)),
    b"NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Deleted\r\n\r\n",
    b"NATS/1.0\r\nStatus:\r\n\r\n",
    b"NATS/1.0\r\nStatus: 1\r\nStatus: 404\r\nstatus: 503\r\n\r\n",
    b"NATS/1.0\r\nDescription: \xff\xfe\r\n\r\n",
    b"NATS/1.0\r\nNats-Consumer-Stalled: $JS.FC.x\r\nStatus: 100\r\n\r\n",
    b"NATS/1.0\r\nNats-Sequence: x\r\nNats-Stream: y\r\nNats-Subject: z\r\n\r\n",
    b"NATS/1.0\r\nNats-Num-Pending: -1\r\nNats-Pin-Id: p\r\n\r\n",
    b"NATS/1.0\r\ntraceparent: \xc3\xbc\xff\r\ntraceparent: 00-0-0-0\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n: no name\r\n \r\n\xff: \xff\r\n\r\n",
    b"NATS/1.0\r\nContent-Type: message/rfc822\r\nContent-Type: multipart/mixed\r\n\r\n",
    b"NATS/1.0\r\nA: 1\r\n folded\r\nA\t: 2\r\n\r\n",
    b"NATS/1.0\r\nSoloface-Reason: matched\r\nSoloface-Payload-Bytes: 1\r\n\r\n",
    b"garbage\r\n\r\n\r\n",
    b"\x00\r\n" * 100,
    b"NATS/1.0\r\nA: " + b"x" * 60_000 + b"\r\n\r\n",
)
"""Blocks that are like the server's, or like nothing at all."""

_NAMES = st.sampled_from(
    [
        b"Status",
        b"status",
        b"Description",
        b"Nats-Sequence",
        b"Nats-Subject",
        b"Nats-Last-Consumer",
        b"Nats-Consumer-Stalled",
        b"Nats-Pending-Messages",
        b"traceparent",
        b"Soloface-Reason",
        b"Soloface-Stream-Seq",
        b"Content-Type",
    ]
) | st.binary(max_size=20)
_VALUES = st.sampled_from(
    [
        b"100",
        b"200",
        b"404",
        b"408",
        b"409",
        b"503",
        b"Consumer Deleted",
        b"",
        b"\xff",
        "ü".encode(),
    ]
) | st.binary(max_size=60)
_FIRST = st.sampled_from(
    [b"NATS/1.0", b"NATS/1.0 404 No Messages", b"NATS/1.0 100", b"NATS/1.0 503", b"HTTP/1.1 200"]
) | st.binary(max_size=20)


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """A header block: one of the hostile, lines of any kind, or just bytes."""
    if draw(st.booleans()):
        return draw(st.sampled_from(HOSTILE) | st.binary(max_size=200))
    lines = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=6))
    block = b"".join(b"%b: %b\r\n" % line for line in lines)
    return draw(_FIRST) + b"\r\n" + block + draw(st.sampled_from([b"\r\n", b""]))


async def publish_raw(
    settings: NatsSettings, subject: str, messages: Iterable[tuple[bytes, bytes]]
) -> list[int]:
    """Publish (block, payload) pairs as they are, byte for byte; returns what was not refused.

    The result has a sequence for each message, 0 where the server would not store it.
    """
    host, _, port = settings.servers[0].removeprefix("nats://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 22)
    login = {
        "user": settings.user,
        "pass": settings.password and settings.password.get_secret_value(),
        "verbose": False,
        "pedantic": False,
        "headers": True,
        "no_responders": True,
    }
    try:
        writer.write(b"CONNECT %b\r\nSUB raw.answers.* 1\r\n" % json.dumps(login).encode())
        sent = list(messages)
        for number, (block, payload) in enumerate(sent):
            size = len(block) + len(payload)
            writer.write(
                b"HPUB %b raw.answers.%d %d %d\r\n%b%b\r\n"
                % (subject.encode(), number, len(block), size, block, payload)
            )
        answers: dict[int, int] = {}
        while len(answers) < len(sent):
            line = await reader.readline()
            assert line, "the server hung up"
            assert not line.startswith(b"-ERR"), line
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
            elif line.startswith(b"MSG raw.answers."):
                number = int(line.split()[1].rpartition(b".")[2])
                answer = json.loads(await reader.readexactly(int(line.split()[-1])))
                answers[number] = 0 if "error" in answer else answer["seq"]
            elif line.startswith(b"HMSG raw.answers."):
                raise AssertionError(f"no stream takes {subject}")
    finally:
        writer.close()
        await writer.wait_closed()
    return [answers[number] for number in range(len(sent))]


def random_block(rng: random.Random) -> bytes:
    """A header block for a load of jobs, hostile or odd."""
    if rng.random() < 0.5:
        return rng.choice(HOSTILE[:-1])
    names = [b"Status", b"Description", b"traceparent", b"X-\xc3\xbc", b"", rng.randbytes(6)]
    lines = [(rng.choice(names), rng.randbytes(rng.randrange(12))) for _ in range(rng.randrange(6))]
    return b"NATS/1.0\r\n" + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n"
