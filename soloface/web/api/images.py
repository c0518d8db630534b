"""Images, through this server alone: decoded, scaled, and encoded again without metadata."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from connectors.postgres.review.people import enrolled_photo
from connectors.postgres.review.photos import FaceRow, faces_of
from dataflow.jobs.image_ref import SCHEME
from dataflow.jobs.reason import Reason
from dataflow.tags.refusal import Refusal
from soloface.web.api.parts import Responses, Reviewer, TheDesk, refusals
from soloface.web.gate.problems import ProblemError
from soloface.web.work import pictures
from soloface.web.work.desk import Desk
from soloface.web.work.views import bbox_of

router = APIRouter(tags=["images"])

_JPEG = "image/jpeg"

Px = Annotated[int, Query(ge=16, le=2048, description="Pixels of the longer side, at most.")]


class JpegResponse(Response):
    """A picture."""

    media_type = _JPEG


def _responses(what: str) -> Responses:
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {
        200: {"description": "The picture.", "content": {_JPEG: schema}},
        **refusals(_404=what),
    }


@router.get(
    "/v1/photos/{photo_id}/image",
    summary="A photo",
    response_class=JpegResponse,
    responses=_responses("There is no such photo, or its image is gone."),
)
async def photo_image(
    photo_id: UUID,
    desk: TheDesk,
    _reviewer: Reviewer,
    px: Px = 1024,
    frame: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Index of a face to frame.")
    ] = None,
) -> JpegResponse:
    """The whole photo, scaled down."""
    return JpegResponse(await desk.threads.asking.run(_photo, desk, photo_id, px, frame))


@router.get(
    "/v1/photos/{photo_id}/faces/{face_index}/image",
    summary="A face",
    response_class=JpegResponse,
    responses=_responses("There is no such face, or its photo's image is gone."),
)
async def face_image(
    photo_id: UUID,
    face_index: Annotated[int, Path(ge=0, le=2**31 - 1)],
    desk: TheDesk,
    _reviewer: Reviewer,
    px: Px = 384,
) -> JpegResponse:
    """A face with a little around it."""
    return JpegResponse(await desk.threads.asking.run(_face, desk, photo_id, face_index, px))


@router.get(
    "/v1/users/{user_id}/enrolment/{sha256}/image",
    summary="A photo that a user is enrolled by",
    response_class=JpegResponse,
    responses=_responses("There is no such photo, or it was not kept."),
)
async def enrolment_image(
    user_id: UUID,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    desk: TheDesk,
    _reviewer: Reviewer,
    px: Px = 384,
) -> JpegResponse:
    """One of the photos that a user is enrolled by, scaled down."""
    return JpegResponse(await desk.threads.asking.run(_enrolled, desk, user_id, sha256, px))


def _photo(desk: Desk, photo_id: UUID, px: int, frame: int | None) -> bytes:
    faces = _faces(desk, photo_id)
    framed = [bbox_of(face.bbox) for face in faces if face.face_index == frame]
    data = _read(desk, next((face.image_ref for face in faces if face.image_ref), None))
    most = desk.settings.images.max_pixels
    return pictures.whole(data, px=px, max_pixels=most, bbox=framed[0] if framed else None)


def _face(desk: Desk, photo_id: UUID, face_index: int, px: int) -> bytes:
    for face in _faces(desk, photo_id):
        if face.face_index == face_index:
            data = _read(desk, face.image_ref)
            most = desk.settings.images.max_pixels
            return pictures.cut_out(data, bbox_of(face.bbox), px=px, max_pixels=most)
    raise ProblemError(Refusal.UNKNOWN_FACE, f"photo {photo_id} has no face {face_index}")


def _enrolled(desk: Desk, user_id: UUID, sha256: str, px: int) -> bytes:
    with desk.database.connection() as connection:
        ref = enrolled_photo(connection, user_id, sha256)
    # A path is one of the machine that enrolled, and no file of this one is ever shown.
    if ref is None or not ref.startswith(SCHEME):
        raise ProblemError(Reason.IMAGE_NOT_FOUND, "that photo was not kept in the store")
    data = desk.photos.read(ref)
    return pictures.whole(data, px=px, max_pixels=desk.settings.images.max_pixels)


def _faces(desk: Desk, photo_id: UUID) -> list[FaceRow]:
    with desk.database.connection() as connection:
        faces = faces_of(connection, photo_id)
    if not faces:
        raise ProblemError(Refusal.UNKNOWN_PHOTO, f"no face is recorded of a photo {photo_id}")
    return faces


def _read(desk: Desk, image_ref: str | None) -> bytes:
    if not image_ref:
        raise ProblemError(Reason.IMAGE_NOT_FOUND, "it is not known where the image is")
    return desk.photos.read_job_image(image_ref)
