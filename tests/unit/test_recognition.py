"""Step 4, with a fake pack: what becomes of faces and failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest
from structlog.testing import capture_logs

from dataflow.errors import DataError
from dataflow.faces.face import BgrImage, Box, Embedding, Face, FacePack
from dataflow.job import Fetched, Recognised
from dataflow.outcome import Reason, Retry, Settled
from dataflow.recognition import Recognition, recognise
from tests.builders import DIMENSION, POISON, FakePack, fetched, picture

RETRY_DELAY_S = 5


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def embed(
    pool: Executor,
    *photos: Fetched,
    pack: Callable[[], FacePack] = FakePack,
    max_pixels: int = 1000,
) -> list[Recognised | Settled | Retry]:
    return list(Recognition(pack, max_pixels, pool, RETRY_DELAY_S).embed(photos))


def test_the_only_face_is_embedded(pool: Executor) -> None:
    photo = fetched(picture(faces=1, person=2))
    (done,) = embed(pool, photo)
    assert isinstance(done, Recognised)
    assert (done.delivery, done.job, done.duplicate_of) == (photo.delivery, photo.job, None)
    assert (done.face.box, done.face.score) == (Box(0, 0, 1, 1), 0.9)
    assert np.array_equal(done.face.embedding, np.eye(1, DIMENSION, 2)[0])


@pytest.mark.parametrize(
    ("image", "reason", "detail"),
    [
        (picture(faces=0), Reason.NO_FACE, "no face found"),
        (picture(faces=2), Reason.MULTIPLE_FACES, "2 faces found"),
        (picture(faces=9), Reason.MULTIPLE_FACES, "9 faces found"),
        (b"", Reason.IMAGE_UNDECODABLE, ""),
        (b"GIF89a", Reason.IMAGE_UNDECODABLE, ""),
        (picture()[:40], Reason.IMAGE_UNDECODABLE, ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_photo_without_exactly_one_face_is_settled(
    image: bytes, reason: Reason, detail: str, pool: Executor
) -> None:
    photo = fetched(image)
    (done,) = embed(pool, photo)
    assert isinstance(done, Settled)
    assert (done.delivery, done.job, done.reason) == (photo.delivery, photo.job, reason)
    assert done.detail.startswith(detail)


def test_a_photo_with_too_many_pixels_is_settled_without_a_look_at_it(pool: Executor) -> None:
    (done,) = embed(pool, fetched(POISON), max_pixels=63)
    assert isinstance(done, Settled)
    assert done.reason is Reason.IMAGE_TOO_LARGE


def test_a_face_that_the_pack_refuses_is_settled_with_the_packs_reason(pool: Executor) -> None:
    class Picky(FakePack):
        def embed(self, image: BgrImage, face: Face) -> Embedding:
            del image, face
            raise DataError(Reason.LOW_QUALITY, "too blurred")

    (done,) = embed(pool, fetched(picture()), pack=Picky)
    assert isinstance(done, Settled)
    assert (done.reason, done.detail) == (Reason.LOW_QUALITY, "too blurred")


def test_an_unexpected_error_is_logged_and_sends_only_its_own_job_back(pool: Executor) -> None:
    with capture_logs() as logs:
        first, second, third = embed(
            pool,
            fetched(picture(), 1),
            fetched(POISON, 2, attempt=3),
            fetched(picture(), 3),
        )
    assert isinstance(first, Recognised)
    assert isinstance(third, Recognised)
    assert isinstance(second, Retry)
    assert (second.delay_s, second.detail) == (RETRY_DELAY_S * 3, "unexpected RuntimeError")
    (line,) = logs
    assert (line["event"], line["exc_info"]) == ("recognition_failed", True)
    assert line["photo_id"] == str(second.job.photo_id if second.job else None)


def test_a_pack_that_does_not_load_sends_the_job_back(pool: Executor) -> None:
    def broken() -> FacePack:
        raise OSError("no such file")

    with capture_logs() as logs:
        (back,) = embed(pool, fetched(picture()), pack=broken)
    assert isinstance(back, Retry)
    assert len(logs) == 1


def test_faces_are_recognised_at_the_same_time_and_come_out_in_order(pool: Executor) -> None:
    together = threading.Barrier(4)

    class Meeting(FakePack):
        def detect(self, image: BgrImage) -> list[Face]:
            together.wait(timeout=10)
            return super().detect(image)

    counts = [1, 0, 2, 1]
    photos = [fetched(picture(faces=count), n) for n, count in enumerate(counts)]
    results = embed(pool, *photos, pack=Meeting)
    assert [r.delivery for r in results] == [photo.delivery for photo in photos]
    assert [isinstance(r, Recognised) for r in results] == [count == 1 for count in counts]


def test_an_enrolment_hears_why_a_photo_is_refused() -> None:
    with pytest.raises(DataError) as refused:
        recognise(picture(faces=2), FakePack(), 1000)
    assert refused.value.reason is Reason.MULTIPLE_FACES
