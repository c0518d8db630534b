"""Step 4, with a fake pack: what becomes of faces and failures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from structlog.testing import capture_logs

from dataflow.faces.face import BgrImage, Box, Embedding, Face, FacePack
from dataflow.faces.quality import LENIENT
from dataflow.jobs.errors import DataError
from dataflow.jobs.outcome import Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.recognition import Recognition, recognise
from dataflow.steps.request import Fetched, Recognised
from tests.builders import DIMENSION, POISON, FakePack, fetched, picture

RETRY_DELAY_S = 5


def embed(
    photo: Fetched, pack: Callable[[], FacePack] = FakePack, max_pixels: int = 1000
) -> Recognised | Settled | Retry:
    return Recognition(pack, max_pixels, RETRY_DELAY_S).embed(photo)


def test_the_only_face_is_embedded() -> None:
    photo = fetched(picture(faces=1, person=2))
    done = embed(photo)
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
    image: bytes, reason: Reason, detail: str
) -> None:
    photo = fetched(image)
    done = embed(photo)
    assert isinstance(done, Settled)
    assert (done.delivery, done.job, done.reason) == (photo.delivery, photo.job, reason)
    assert done.detail.startswith(detail)


FIRST: dict[str, float] = {"x1": 0, "y1": 0, "x2": 1, "y2": 1}
SECOND = {"x1": 1, "y1": 0.9, "x2": 2.2, "y2": 2}
ELSEWHERE: dict[str, float] = {"x1": 6, "y1": 6, "x2": 7, "y2": 7}


def chosen(faces: int, bbox: dict[str, float] | None, *, by_bbox: bool = True) -> Box | Reason:
    photo = fetched(picture(faces), bbox=bbox)
    done = Recognition(FakePack, 1000, RETRY_DELAY_S, by_bbox=by_bbox).embed(photo)
    if isinstance(done, Recognised):
        assert done.face.others == faces - 1
        return done.face.box
    assert isinstance(done, Settled)
    return done.reason


def test_a_jobs_box_chooses_its_face_where_it_may() -> None:
    assert chosen(3, FIRST) == Box(0, 0, 1, 1)
    assert chosen(3, SECOND) == Box(1, 1, 2, 2)
    assert chosen(1, FIRST) == Box(0, 0, 1, 1)
    assert chosen(3, ELSEWHERE) is Reason.NO_FACE_IN_BBOX
    assert chosen(1, ELSEWHERE) is Reason.NO_FACE_IN_BBOX
    assert chosen(0, FIRST) is Reason.NO_FACE
    assert chosen(3, None) is Reason.MULTIPLE_FACES


def test_a_jobs_box_plays_no_part_where_it_is_informative() -> None:
    assert chosen(3, FIRST, by_bbox=False) is Reason.MULTIPLE_FACES
    assert chosen(1, ELSEWHERE, by_bbox=False) == Box(0, 0, 1, 1)


def test_a_picture_below_the_policy_is_settled_with_its_flaw_and_others_keep_their_measures() -> (
    None
):
    photo = fetched(picture())
    done = Recognition(FakePack, 1000, RETRY_DELAY_S, LENIENT).embed(photo)
    assert isinstance(done, Settled)
    assert done.reason is Reason.LOW_QUALITY
    assert done.detail == "face_too_small: eye distance in pixels 3, at least 8"
    unasked = embed(photo)
    assert isinstance(unasked, Recognised)
    assert unasked.face.quality
    assert unasked.face.quality.eye_distance_px == 3


def test_a_photo_with_too_many_pixels_is_settled_without_a_look_at_it() -> None:
    done = embed(fetched(POISON), max_pixels=63)
    assert isinstance(done, Settled)
    assert done.reason is Reason.IMAGE_TOO_LARGE


def test_a_face_that_the_pack_refuses_is_settled_with_the_packs_reason() -> None:
    class Picky(FakePack):
        def embed(self, image: BgrImage, face: Face) -> Embedding:
            del image, face
            raise DataError(Reason.LOW_QUALITY, "too blurred")

    done = embed(fetched(picture()), pack=Picky)
    assert isinstance(done, Settled)
    assert (done.reason, done.detail) == (Reason.LOW_QUALITY, "too blurred")


def test_an_unexpected_error_is_logged_and_sends_the_job_back() -> None:
    with capture_logs() as logs:
        back = embed(fetched(POISON, 2, attempt=3))
    assert isinstance(back, Retry)
    assert (back.delay_s, back.detail) == (RETRY_DELAY_S * 3, "unexpected RuntimeError")
    (line,) = logs
    assert (line["event"], line["exc_info"]) == ("recognition_failed", True)
    assert line["photo_id"] == (back.job.names["photo_id"] if back.job else None)


def test_a_pack_that_does_not_load_sends_the_job_back() -> None:
    def broken() -> FacePack:
        raise OSError("no such file")

    with capture_logs() as logs:
        back = embed(fetched(picture()), pack=broken)
    assert isinstance(back, Retry)
    assert len(logs) == 1


def test_an_enrolment_hears_why_a_photo_is_refused() -> None:
    with pytest.raises(DataError) as refused:
        recognise(picture(faces=2), FakePack(), 1000)
    assert refused.value.reason is Reason.MULTIPLE_FACES
