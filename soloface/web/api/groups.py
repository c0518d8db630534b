"""`/v1/review/groups`: unknown faces that look like one person, and making a user of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from connectors.postgres.review.groups import unknown_groups
from connectors.postgres.review.queues import Filters
from soloface.web.api.parts import Enroller, Reviewer, TheDesk, audit, refusals
from soloface.web.api.review import TheFilters, cards_of
from soloface.web.gate.problems import Code, ProblemError
from soloface.web.work.desk import Desk
from soloface.web.work.newcomers import enrol_group
from soloface.web.work.views import scale_of
from soloface.web.work.wire import Group, Groups
from soloface.web.work.wire_enrolment import Enrolled, NewUserRequest

router = APIRouter()

_IN_A_GROUP = 60


@router.get(
    "/v1/review/groups",
    tags=["review"],
    summary="Unknown faces that look like one person",
    responses=refusals(),
)
async def get_groups(
    desk: TheDesk,
    _reviewer: Reviewer,
    filters: TheFilters,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> Groups:
    """The largest groups among the newest unknown faces, so that one answer names many."""
    return await desk.threads.asking.run(_groups, desk, filters, limit)


@router.post(
    "/v1/review/groups/user",
    tags=["groups"],
    summary="Enrol somebody new by a group of unknown faces",
    responses=refusals(
        _404="There is no such face or user, or its photo's image is gone.",
        _409="The user is enrolled already or has withdrawn, another one is too near, or somebody "
        "has said meanwhile who it is.",
    ),
)
async def post_user(
    asked: NewUserRequest, desk: TheDesk, reviewer: Reviewer, _enroller: Enroller
) -> Enrolled:
    """Enrol a user by the best photos of a group; then the workers match all recorded faces again.

    The same checks as for `PUT /v1/users/{user_id}/face`. The caller needs both roles, and the
    server must allow it (SOLOFACE_WEB__NEW_USERS).
    """
    if not desk.settings.web.new_users:
        raise ProblemError(
            Code.NOT_ALLOWED, "no users are made here; the server may allow it by WEB__NEW_USERS"
        )
    done = await desk.threads.finding.run(enrol_group, desk, asked, reviewer.name)
    audit(reviewer, "enrol_group", user_id=done.user_id, status=done.status, faces=len(asked.faces))
    return done


def _groups(desk: Desk, filters: Filters, limit: int) -> Groups:
    rules = desk.rules()
    with desk.database.connection() as connection:
        groups, looked_at = unknown_groups(connection, rules, filters)
        return Groups(
            groups=[
                Group(
                    cards=cards_of(connection, rules, list(group.photo_ids[:_IN_A_GROUP])),
                    widest=min(max(group.widest, 0.0), 2.0),
                )
                for group in groups[:limit]
            ],
            looked_at=looked_at,
            scale=scale_of(rules),
        )
