"""`/v1/users/…`: enrolling and erasing a face, and the photos that show it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError

from connectors.postgres.review.people import photos_of_user, whole_user
from dataflow.tags.refusal import Refusal
from soloface.erasing import NothingKnownError, erase_everywhere
from soloface.web.api.finding import IMAGE_CONTENT, image_of, media_type_of
from soloface.web.api.parts import Enroller, Reviewer, TheDesk, audit, refusals
from soloface.web.gate.problems import ProblemError, invalid
from soloface.web.work.cursor import of_tagged, tagged_of
from soloface.web.work.desk import Desk
from soloface.web.work.enrolling import Wish, enrol
from soloface.web.work.wire import (
    GalleryName,
    Line,
    TaggedPhoto,
    TaggedPhotos,
)
from soloface.web.work.wire_enrolment import Enrolled, EnrolRequest, Erased

router = APIRouter(tags=["users"])

_JSON = "application/json"
_CONTENT: dict[str, Any] = {
    _JSON: {"schema": {"$ref": f"#/components/schemas/{EnrolRequest.__name__}"}},
    **IMAGE_CONTENT,
}


@router.put(
    "/v1/users/{user_id}/face",
    summary="Enrol a user",
    responses=refusals(
        _404="There is no such user or image.",
        _409="Another user is too near, or the user has withdrawn.",
        _415="The body is neither JSON nor a photo.",
    ),
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def put_face(  # noqa: PLR0913 - each is a part of the request
    user_id: UUID,
    request: Request,
    desk: TheDesk,
    enroller: Enroller,
    *,
    consent: Annotated[Line | None, Query(description="Version of the terms agreed to.")] = None,
    gallery: Annotated[
        list[GalleryName], Query(max_length=20, description="Add them to it; may be repeated.")
    ] = [],  # noqa: B006 - FastAPI makes a new one
    again: Annotated[bool, Query(description="They had withdrawn, and agree again.")] = False,
    force: Annotated[bool, Query(description="Also if very near to another user.")] = False,
    keep: Annotated[bool, Query(description="Store the photo too, for the review page.")] = False,
) -> Enrolled:
    """Store a user's face: the mean of their photos, replacing an earlier one.

    The body is JSON that names photos in the store, or one photo's file; the query goes with the
    latter.
    """
    if media_type_of(request) == _JSON:
        asked = await _asked(request)
        wish = Wish(
            user_id,
            enroller.name,
            refs=asked.image_refs,
            consent=asked.consent,
            galleries=asked.galleries,
            again=asked.again,
            force=asked.force,
        )
    else:
        image = await image_of(request)
        wish = Wish(
            user_id,
            enroller.name,
            image=image,
            keep=keep,
            consent=consent,
            galleries=gallery,
            again=again,
            force=force,
        )
    done = await desk.threads.finding.run(enrol, desk, wish)
    audit(enroller, "enrol", user_id=user_id, status=done.status)
    return done


@router.delete(
    "/v1/users/{user_id}/face",
    summary="Erase a user",
    responses=refusals(_404="There is no such user, and nothing is known of one."),
)
async def delete_face(user_id: UUID, desk: TheDesk, enroller: Enroller) -> Erased:
    """Delete everything that is known of a user's face. The user has withdrawn with that.

    As `soloface erase --user`: rows, messages and kept photos go. The user's own row stays.
    """
    try:
        erased = await desk.threads.asking.run(
            erase_everywhere,
            desk.enrolling,
            "user",
            user_id,
            row=False,
            dry_run=False,
            by=enroller.name,
        )
    except NothingKnownError as error:
        raise ProblemError(Refusal.UNKNOWN_USER, str(error)) from None
    audit(enroller, "erase", user_id=user_id)
    return Erased(user_id=user_id, erased=dict(erased.rows), photos=list(erased.photo_ids))


@router.get(
    "/v1/users/{user_id}/photos",
    summary="The photos that show a user",
    responses=refusals(_404="There is no such user."),
)
async def get_photos(
    user_id: UUID,
    desk: TheDesk,
    _reviewer: Reviewer,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
) -> TaggedPhotos:
    """The photos that a user is tagged on, the farthest first: wrong ones are among those."""
    return await desk.threads.asking.run(_photos, desk, user_id, limit, cursor)


def _photos(desk: Desk, user_id: UUID, limit: int, cursor: str | None) -> TaggedPhotos:
    after = tagged_of(cursor) if cursor else None
    with desk.database.connection() as connection:
        user = whole_user(connection, user_id)
        if user is None:
            raise ProblemError(Refusal.UNKNOWN_USER, f"there is no user {user_id}")
        photos = photos_of_user(connection, user_id, limit + 1, after)
    shown = photos[:limit]
    return TaggedPhotos(
        user_id=user_id,
        enrolled_at=user.enrolled_at,
        model=user.model,
        withdrawn=user.withdrawn,
        enrolled_by=list(user.photos),
        photos=[TaggedPhoto.model_validate(photo) for photo in shown],
        next=of_tagged(shown[-1]) if len(photos) > limit else None,
    )


async def _asked(request: Request) -> EnrolRequest:
    try:
        return EnrolRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from None
