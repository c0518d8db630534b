"""Small factories of what travels through the steps, and fakes of the core's own protocols."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import orjson

from dataflow.faces.contract import Contract
from dataflow.faces.face import BgrImage, Box, EmbeddedFace, Embedding, Face
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import DataError
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.job import Job, parse_job
from dataflow.jobs.lane import Lane
from dataflow.jobs.outcome import Match, Settled
from dataflow.jobs.reason import Reason
from dataflow.settings.procedure import FAST
from dataflow.steps.guardrails import PastOutcome, PhotoState
from dataflow.steps.request import Fetched, Recognised, Request
from dataflow.tags.change import Cause, Change, TagChange

PUBLISHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIMENSION = 4


def photo(number: int) -> UUID:
    """The id of photo 1, 2, 3 and so on."""
    return UUID(int=number)


def user(number: int) -> UUID:
    return UUID(int=0xA000 + number)


def payload(number: int = 1, /, **fields: Any) -> bytes:  # noqa: ANN401 - whatever JSON holds
    """A job's JSON with the least that makes it worth fetching."""
    return orjson.dumps({"photo_id": photo(number), "image_ref": f"{number}.png"} | fields)


def delivery(
    data: bytes = b"{}",
    *,
    seq: int = 1,
    attempt: int = 1,
    published_at: datetime = PUBLISHED,
    lane: Lane = Lane.LIVE,
) -> Delivery:
    """A first delivery, unless told otherwise."""
    token = f"$JS.ACK.token-{seq}-{attempt}"
    return Delivery(data, token, seq, attempt, published_at, lane=lane)


def job(number: int = 1, /, **fields: Any) -> Job:  # noqa: ANN401 - whatever JSON holds
    return parse_job(payload(number, **fields))


def request(
    number: int = 1,
    /,
    *,
    seq: int | None = None,
    attempt: int = 1,
    published_at: datetime = PUBLISHED,
    **fields: Any,  # noqa: ANN401 - whatever JSON holds
) -> Request:
    """A job for a photo; by default the stream sequence is the photo's number."""
    seq = number if seq is None else seq
    data = payload(number, **fields)
    came = delivery(data, seq=seq, attempt=attempt, published_at=published_at)
    return Request(came, parse_job(data))


def fetched(
    image: bytes,
    number: int = 1,
    *,
    attempt: int = 1,
    **fields: Any,  # noqa: ANN401 - whatever JSON holds
) -> Fetched:
    asked = request(number, attempt=attempt, **fields)
    return Fetched(asked.delivery, asked.job, image)


def embedded_face() -> EmbeddedFace:
    return EmbeddedFace(Box(1, 2, 3, 4), 0.9, np.eye(1, DIMENSION, dtype=np.float32)[0])


def recognised(number: int = 1, *, seq: int | None = None, attempt: int = 1) -> Recognised:
    asked = request(number, seq=seq, attempt=attempt)
    return Recognised(asked.delivery, asked.job, embedded_face())


def settled(
    reason: Reason = Reason.NO_FACE,
    number: int = 1,
    **fields: Any,  # noqa: ANN401 - an outcome's own types
) -> Settled:
    asked = request(number)
    return Settled(asked.delivery, asked.job, reason, **fields)


LANDMARKS = np.array([(2, 2), (5, 2), (3.5, 4), (2.5, 5), (4.5, 5)], np.float32)
"""Of a face that looks into the camera, on :func:`picture`."""


@cache
def picture(faces: int = 1, person: int = 0) -> bytes:
    """A PNG in which :class:`FakePack` finds so many faces, all of that person."""
    pixels = np.full((8, 8, 3), (faces, person, 0), np.uint8)
    done, data = cv2.imencode(".png", pixels)
    assert done
    return data.tobytes()


POISON = picture(faces=255)
"""A picture that makes :class:`FakePack` fail as no pack should."""


class FakePack:
    """Finds what :func:`picture` says; the embedding is the person's own axis."""

    contract = Contract("fake", (), "none/1", "none/1", "none/1", DIMENSION)
    threshold = 0.5
    procedure = FAST

    def detect(self, image: BgrImage) -> list[Face]:
        faces = int(image[0, 0, 0])
        if faces == 255:
            raise RuntimeError("poison")
        return [Face(Box(i, i, i + 1, i + 1), 0.9, LANDMARKS) for i in range(faces)]

    def magnification(self, face: Face) -> float:
        del face
        return 1

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        del face
        embedding: Embedding = np.eye(1, DIMENSION, int(image[0, 0, 1]), dtype=np.float32)[0]
        return embedding


KNOWN = PhotoState(exists=True, matched=False, past=None)
UNKNOWN = PhotoState(exists=False, matched=False, past=None)
MATCHED = PhotoState(exists=True, matched=True, past=None)


def past(
    reason: Reason = Reason.NO_FACE, *, seq: int = 1, match: Match | None = None
) -> PastOutcome:
    return PastOutcome(seq, PUBLISHED, reason, "as it was", match)


@dataclass
class MemoryPhotos:
    """A photo registry that notes what it is asked; photos it was not told of do not exist."""

    known: Mapping[UUID, PhotoState] = field(default_factory=dict)
    error: Exception | None = None
    asked: list[Sequence[UUID]] = field(default_factory=list)

    def states(self, photo_ids: Sequence[UUID]) -> Mapping[UUID, PhotoState]:
        self.asked.append(photo_ids)
        if self.error:
            raise self.error
        return {photo_id: self.known.get(photo_id, UNKNOWN) for photo_id in photo_ids}


@dataclass
class MemoryStore:
    """An object store; an object that is an exception is raised, one that is a call is called."""

    objects: Mapping[str, bytes | Exception | Callable[[], bytes]]
    reads: list[ImageRef] = field(default_factory=list)

    def read(self, ref: ImageRef) -> bytes:
        self.reads.append(ref)
        found = self.objects.get(ref.key)
        if found is None:
            raise DataError(Reason.IMAGE_NOT_FOUND, "no such object")
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, bytes) else found()


class RecordingStop(threading.Event):
    """A stop request that nobody waits for: waits are noted and over at once.

    The stop comes with the wait after ``patience`` others.
    """

    def __init__(self, patience: float = float("inf")) -> None:
        super().__init__()
        self.patience = patience
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if len(self.waits) > self.patience:
            self.set()
        return self.is_set()


def tag_change(
    seq: int = 1,
    number: int = 1,
    change: Change = Change.GAINED,
    **fields: Any,  # noqa: ANN401 - whatever a change has
) -> TagChange:
    """A change of a face's tag on photo 1, 2 and so on."""
    usual: dict[str, Any] = {
        "face_index": 0,
        "gallery": None,
        "user_id": user(1),
        "previous_user_id": None,
        "distance": 0.25,
        "cause": Cause.JOB,
        "by": None,
        "changed_at": datetime(2026, 1, 2, 3, 4, 6, 500000, tzinfo=UTC),
    }
    return TagChange(photo_id=photo(number), seq=seq, change=change, **{**usual, **fields})
