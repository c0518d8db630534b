"""`/v1/photos/…` and `/v1/decisions/…`: what is known of a photo, and what people say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query

from connectors.postgres.review.likeness import users_like
from connectors.postgres.review.photos import WholePhoto, whole_photo
from connectors.postgres.tags import decisions
from connectors.postgres.tags.deciding import policies_of
from dataflow.tags.refusal import Refusal
from soloface.web.api.parts import Reviewer, TheDesk, audit, refusals
from soloface.web.gate.problems import Code, ProblemError
from soloface.web.work.desk import Desk
from soloface.web.work.views import decided_of, near_of, photo_of, scale_of
from soloface.web.work.wire import (
    Decided,
    DecidedPage,
    DecisionRequest,
    NearestUsers,
    Photo,
    Word,
)

router = APIRouter(tags=["photos"])

_WORDS = {
    Word.CONFIRM: decisions.Word.CONFIRMED,
    Word.REJECT: decisions.Word.REJECTED,
    Word.NOBODY: decisions.Word.NOBODY,
    Word.FORGET: decisions.Word.FORGOTTEN,
}
_MOST_ID = 2**63 - 1


@router.get(
    "/v1/photos/{photo_id}",
    summary="All that is known of a photo, and why",
    responses=refusals(_404="There is no such photo."),
)
async def get_photo(photo_id: UUID, desk: TheDesk, _reviewer: Reviewer) -> Photo:
    """The outcome and its reason, each face with its tag, and all that was said of it."""
    photo = await desk.threads.asking.run(_whole, desk, photo_id)
    if photo is None:
        raise ProblemError(Refusal.UNKNOWN_PHOTO, f"there is no photo {photo_id}")
    return photo_of(photo)


@router.get(
    "/v1/photos/{photo_id}/faces/{face_index}/users",
    summary="Who a face may be",
    responses=refusals(_404="There is no such face."),
)
async def get_users(
    photo_id: UUID,
    face_index: Annotated[int, Path(ge=0, le=2**31 - 1)],
    desk: TheDesk,
    _reviewer: Reviewer,
    limit: Annotated[int, Query(ge=1, le=50)] = 9,
) -> NearestUsers:
    """The enrolled users who are nearest to a recorded face, the nearest first.

    Only members of its gallery, if it belongs to one; without those of whom somebody has said that
    the photo does not show them. No image is looked at.
    """
    return await desk.threads.asking.run(_users, desk, photo_id, face_index, limit)


@router.post(
    "/v1/photos/{photo_id}/decision",
    summary="Say whom a photo shows",
    responses=refusals(
        _404="There is no such photo, user or face.",
        _409="The photo has changed since it was seen, or the user has withdrawn.",
    ),
)
async def post_decision(
    photo_id: UUID,
    asked: DecisionRequest,
    desk: TheDesk,
    reviewer: Reviewer,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=128,
            pattern=r"^[!-~]+$",
            description="Names the request. If it comes again, it is only answered again.",
        ),
    ] = None,
) -> Decided:
    """A person's word takes effect at once and outlives every job. It can be taken back.

    `confirm` tags the user, `reject` never does again, `nobody` keeps the photo untagged, `forget`
    takes back what was said before.
    """
    decision = decisions.Decision(
        photo_id, asked.user_id, _WORDS[asked.decision], reviewer.name, asked.face_index
    )
    _require_sense(asked)
    entry = await desk.threads.asking.run(
        lambda: desk.moderation().take(
            decision, reviewer.name, seen=asked.version, key=idempotency_key
        )
    )
    audit(
        reviewer,
        "decide",
        decision=str(asked.decision),
        photo_id=photo_id,
        user_id=asked.user_id,
        now_user_id=entry.now_user_id,
    )
    return decided_of(entry)


@router.get("/v1/decisions", summary="One's own decisions", responses=refusals())
async def get_decisions(
    desk: TheDesk,
    reviewer: Reviewer,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=_MOST_ID)] = None,
) -> DecidedPage:
    """The caller's own decisions, the newest first, to be taken back."""
    entries = await desk.threads.asking.run(
        lambda: desk.moderation().own(reviewer.name, limit + 1, before)
    )
    return DecidedPage(
        decisions=[decided_of(entry) for entry in entries[:limit]],
        next=entries[limit - 1].id if len(entries) > limit else None,
    )


@router.post(
    "/v1/decisions/{decision_id}/undo",
    summary="Take back one's own decision",
    responses=refusals(
        _404="There is no such decision of the caller's.",
        _409="It was taken back before, or somebody has said something else since.",
    ),
)
async def undo_decision(decision_id: int, desk: TheDesk, reviewer: Reviewer) -> Decided:
    """What was said before counts again, and the photo's tag follows."""
    if not 1 <= decision_id <= _MOST_ID:
        raise ProblemError(Refusal.UNKNOWN_DECISION, f"there is no decision {decision_id}")
    entry = await desk.threads.asking.run(
        lambda: desk.moderation().undo(decision_id, reviewer.name)
    )
    audit(reviewer, "undo", photo_id=entry.photo_id, user_id=entry.user_id)
    return decided_of(entry)


def _whole(desk: Desk, photo_id: UUID) -> WholePhoto | None:
    with desk.database.connection() as connection:
        return whole_photo(connection, photo_id)


def _users(desk: Desk, photo_id: UUID, face_index: int, limit: int) -> NearestUsers:
    rules = desk.rules()
    with desk.database.connection() as connection:
        found = users_like(
            connection,
            photo_id,
            face_index,
            rules.model,
            limit,
            gallery_required=rules.policy.gallery_required,
        )
        if found is None:
            raise ProblemError(Refusal.UNKNOWN_FACE, f"photo {photo_id} has no face {face_index}")
        policies = policies_of(connection, rules, {found.gallery})
    rules = replace(rules, policy=policies.of(found.gallery))
    return NearestUsers(
        gallery=found.gallery,
        users=[near_of(user, rules) for user in found.users],
        scale=scale_of(rules),
    )


def _require_sense(asked: DecisionRequest) -> None:
    match asked.decision:
        case Word.CONFIRM | Word.REJECT:
            if asked.user_id is None:
                raise ProblemError(Code.INVALID_REQUEST, f"{asked.decision} needs a user_id")
        case Word.NOBODY | Word.FORGET:
            if asked.decision is Word.NOBODY and asked.user_id is not None:
                raise ProblemError(Code.INVALID_REQUEST, "nobody names no user")
            if asked.face_index is not None:
                raise ProblemError(
                    Code.INVALID_REQUEST, "face_index goes with confirm and reject only"
                )
