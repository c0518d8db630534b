"""Messages that are no jobs, each odd in its own way."""

from __future__ import annotations

import random
from uuid import UUID

import orjson

PHOTO_ID = UUID(int=1)
LARGEST = 1 << 20
"""The most bytes that the embedded NATS takes, headers included."""


def odd_payloads(noise: int) -> list[bytes]:
    """All of them, and so many of random bytes; always the same."""
    return [*_not_json(), *_not_objects(), *_wrong_fields(), *_noise(noise)]


def _not_json() -> list[bytes]:
    return [
        b"",
        b" ",
        b"\x00",
        b"\xff\xfe\x00",
        b"{",
        b'{"photo_id": ',
        b"{'photo_id': 1}",
        b"NaN",
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b"\xef\xbb\xbf{}",
        b'{"photo_id": "\xc3\x28"}',
        b'{"photo_id": "\\ud800"}',
        b"1" * 200_000,
        b"1e999999999",
        b"photo_id=00000000-0000-0000-0000-000000000001",
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b"x" * (LARGEST - 200),  # a publisher has headers of its own
    ]


def _not_objects() -> list[bytes]:
    return [b"null", b"true", b"0", b'""', b"[]", b"[{}]", b"[" * 500 + b"]" * 500]


def _wrong_fields() -> list[bytes]:
    """JSON objects in which one field is not what a job has there."""
    wrong: dict[str, list[object]] = {
        "photo_id": [None, 1, True, [], {}, "", "x", "\r\n", "\n1", "é", "0" * 31, "0" * 100_000],
        "image_ref": [1, False, ["a"], {"key": "a"}],
        "face_index": [-1, 2**31, 2**63, 1.5, "0", None, True, []],
        "faces_detected": ["1", 1.0, True, [1]],
        "bbox": [1, "1,2,3,4", [1, 2, 3, 4], {}, {"x1": 1, "y1": 2, "x2": 3}],
        "job_id": [1, "x", [], "\r\nSoloface-Reason: matched"],
        "submitted_at": ["yesterday", "2026-13-45T99:99:99Z", 5, []],
    }
    objects = [
        orjson.dumps({"photo_id": PHOTO_ID, name: value})
        for name, values in wrong.items()
        for value in values
    ]
    huge = b"9" * 400
    raw = [b'{"photo_id": %b}' % huge, b'{"photo_id": "%s", "face_index": 1e400}' % _id()]
    raw.append(b'{"photo_id": "%b", "face_index": %b}' % (_id(), huge))
    return [b"{}", b'{"photo_ID": "%b"}' % _id(), *objects, *raw]


def _id() -> bytes:
    return str(PHOTO_ID).encode()


def _noise(count: int) -> list[bytes]:
    dice = random.Random(7)  # noqa: S311 - repeatable, not secret
    whole = orjson.dumps({"photo_id": PHOTO_ID, "image_ref": "a.jpg", "face_index": 0})
    made = []
    for _ in range(count):
        if dice.random() < 0.5:
            made.append(dice.randbytes(dice.randrange(1, 300)))
        else:  # a job cut short
            made.append(whole[: dice.randrange(1, len(whole))])
    return made
