"""`POST /v1/find`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from dataflow.jobs.job import BoxHint
from soloface.web.api.parts import Finder, TheDesk, audit, refusals
from soloface.web.gate.problems import Code, ProblemError
from soloface.web.work.finding import find
from soloface.web.work.wire import Found, GalleryName

router = APIRouter(tags=["find"])

IMAGES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/avif")
_ANY = "application/octet-stream"
_PX = r"-?[0-9]{1,7}(\.[0-9]{1,3})?"
_BBOX = rf"^{_PX}(,{_PX}){{3}}$"

IMAGE_CONTENT: dict[str, Any] = {
    kind: {"schema": {"type": "string", "format": "binary"}} for kind in (*IMAGES, _ANY)
}


def media_type_of(request: Request) -> str:
    """What the body is said to be, without parameters; empty where nothing is said."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def image_of(request: Request) -> bytes:
    """The photo that is the request's body.

    Raises:
        ProblemError: ``wrong_type``, or it is too large or too slow.
    """
    if media_type_of(request) not in IMAGE_CONTENT:
        raise ProblemError(Code.WRONG_TYPE, f"send the photo's file as {', '.join(IMAGES)}")
    return await request.body()


@router.post(
    "/v1/find",
    summary="Whom does this photo show?",
    responses=refusals(_415="The body is no photo."),
    openapi_extra={"requestBody": {"required": True, "content": IMAGE_CONTENT}},
)
async def find_users(  # noqa: PLR0913 - each is a part of the request
    request: Request,
    desk: TheDesk,
    finder: Finder,
    *,
    photos: Annotated[bool, Query(description="Also the photos that show this face.")] = False,
    bbox: Annotated[
        str | None,
        Query(
            pattern=_BBOX,
            max_length=128,
            description="Where the face is: x1,y1,x2,y2 in pixels of the upright photo. As a job's "
            "`bbox`, it chooses only where SOLOFACE_MODEL__CHOOSE_BY_BBOX is set.",
        ),
    ] = None,
    gallery: Annotated[
        GalleryName | None, Query(description="Search among its members and photos only.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Answers, at most.")] = 20,
) -> Found:
    """The users who are nearest to the face of a photo, or the photos that show it.

    The face is the one that a job for this photo would be about: the only one, or the one that the
    settings of the worker choose (SOLOFACE_MODEL__…).

    With `gallery` only its members, and its photos, are compared; without one, all users, and the
    photos that belong to no gallery. Where each job must name a gallery, so must this.

    The photo is the body. It is decoded, compared and forgotten: nothing of it is stored.
    """
    image = await image_of(request)
    box = BoxHint(*map(float, bbox.split(","))) if bbox else None
    found = await desk.threads.finding.run(
        find, desk, image, limit, photos=photos, gallery=gallery, bbox=box
    )
    audit(
        finder, "find", reason=found.reason, user_id=found.user_id, photos=photos, gallery=gallery
    )
    return found
