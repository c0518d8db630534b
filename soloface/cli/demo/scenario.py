"""The demo's jobs, each with the outcome that it must have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import orjson

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import CAT, ENROLLED, GROUP, LANDSCAPE, STRANGERS, load_picture

MATCHED = frozenset({Reason.MATCHED})
NOBODY = frozenset({Reason.NO_USER_WITHIN_DISTANCE})


@dataclass(frozen=True, slots=True)
class Case:
    """One job. ``image`` is put into the store, ``listed`` photos into the platform's table.

    ``person`` is the name of the enrolled user whom a match must name. ``handed_back`` jobs are
    delivered once in vain before the worker sees them.
    """

    title: str
    expected: frozenset[Reason]
    image: bytes | None = None
    person: str | None = None
    photo_id: UUID = field(default_factory=uuid4)
    listed: bool = True
    handed_back: bool = False
    fields: Mapping[str, object] = field(default_factory=dict)
    raw_payload: bytes | None = None

    @property
    def key(self) -> str:
        """The image's key in the default bucket."""
        return f"demo/{self.photo_id}.jpg"

    def payload(self) -> bytes:
        """The message's body."""
        if self.raw_payload is not None:
            return self.raw_payload
        job = {"photo_id": self.photo_id, "image_ref": self.key, "job_id": uuid4(), **self.fields}
        return orjson.dumps(job)


def cases() -> list[Case]:
    """All of them, in the order in which they are published."""
    return [*_first_deliveries(), *_changed_photos(), *_nobody(), *_broken(), *_refused()]


def _first_deliveries() -> Iterator[Case]:
    """A job that comes twice from the server, and one that was published twice."""
    ana, bea = ENROLLED[:2]
    yield Case(
        f"{ana.name}, redelivered",
        MATCHED,
        jpeg(ana.portrait()),
        ana.name,
        handed_back=True,
    )
    # Whichever job is faster gets the match, the other one is explained.
    twice = frozenset({Reason.MATCHED, Reason.DUPLICATE_IN_FLIGHT, Reason.ALREADY_MATCHED})
    first = Case(f"{bea.name}, published twice", twice, jpeg(bea.portrait()), bea.name)
    yield first
    yield replace(first, title="the same photo's other job", image=None, listed=False)


def _changed_photos() -> Iterator[Case]:
    for person in ENROLLED:
        for change, apply in CHANGES.items():
            image = apply(person.portrait())
            yield Case(f"{person.name}, {change}", MATCHED, image, person.name)


def _nobody() -> Iterator[Case]:
    for stranger in STRANGERS:
        yield Case(stranger.name, NOBODY, jpeg(stranger.portrait()))
    group = jpeg(load_picture(GROUP))
    yield Case("a group photo", frozenset({Reason.MULTIPLE_FACES}), group)
    for title, picture in (("a landscape", LANDSCAPE), ("a cat", CAT)):
        yield Case(title, frozenset({Reason.NO_FACE}), jpeg(load_picture(picture)))


def _broken() -> Iterator[Case]:
    whole = jpeg(ENROLLED[0].portrait())
    undecodable = frozenset({Reason.IMAGE_UNDECODABLE})
    yield Case("a file cut in half", undecodable, whole[: len(whole) // 2])
    yield Case("a text named .jpg", undecodable, b"This is not a photo.\n")
    yield Case("an object that is not there", frozenset({Reason.IMAGE_NOT_FOUND}))
    malformed = frozenset({Reason.MALFORMED_PAYLOAD})
    yield Case("a payload that is not JSON", malformed, raw_payload=b'{"photo_id": ', listed=False)
    no_id = orjson.dumps({"image_ref": "demo/somebody.jpg"})
    yield Case("a payload without photo_id", malformed, raw_payload=no_id, listed=False)


def _refused() -> Iterator[Case]:
    image = jpeg(ENROLLED[2].portrait())
    three = {"faces_detected": 3}
    yield Case("faces_detected is 3", frozenset({Reason.NOT_SINGLE_FACE_HINT}), image, fields=three)
    yield Case(
        "no image_ref", frozenset({Reason.MISSING_IMAGE_REF}), image, fields={"image_ref": None}
    )
    yield Case(
        "image_ref is a URL",
        frozenset({Reason.INVALID_IMAGE_REF}),
        image,
        fields={"image_ref": "http://169.254.169.254/latest/meta-data"},
    )
    yield Case("a photo nobody knows", frozenset({Reason.PHOTO_NOT_FOUND}), image, listed=False)
