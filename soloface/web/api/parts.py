"""What the paths of the API share: who asks, what is refused, what is noted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from soloface.web.gate.access import require_role
from soloface.web.gate.identity import Identity, Role
from soloface.web.gate.problems import MEDIA_TYPE, Problem
from soloface.web.work.desk import Desk

log = structlog.get_logger()

_EVERYWHERE = {
    401: "A stranger, or a token that is not known.",
    403: "The caller may not do this, or another site asks in their name.",
    408: "The body came too slowly.",
    413: "The body, or the image, is too large.",
    421: "A host name under which this is not reached.",
    422: "The request, or what it names, cannot be used.",
    429: "Too many requests, or too much waits already.",
    503: "Something that this needs does not answer.",
}

Responses: TypeAlias = dict[int | str, dict[str, Any]]


def refusals(**more: str) -> Responses:
    """The answers that are no success, as the OpenAPI document has them.

    Args:
        more: further ones, as ``_404="There is no such photo."``.
    """
    all_of_them = {**_EVERYWHERE, **{int(name[1:]): text for name, text in more.items()}}
    schema = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}
    return {
        status: {"description": text, "content": {MEDIA_TYPE: schema}}
        for status, text in sorted(all_of_them.items())
    }


async def desk_of(request: Request) -> Desk:
    """The process's resources."""
    desk: Desk = request.app.state.desk
    return desk


_bearer = HTTPBearer(auto_error=False, description="A token of the file, or a session's cookie.")


def _someone_with(role: Role) -> Callable[..., Awaitable[Identity]]:
    async def someone(request: Request, _token: Annotated[object, Depends(_bearer)]) -> Identity:
        return require_role(request.state.identity, role)

    return someone


TheDesk = Annotated[Desk, Depends(desk_of)]
Finder = Annotated[Identity, Depends(_someone_with(Role.FINDER))]
Enroller = Annotated[Identity, Depends(_someone_with(Role.ENROLLER))]
Reviewer = Annotated[Identity, Depends(_someone_with(Role.REVIEWER))]


def audit(identity: Identity, action: str, **what: UUID | str | float | bool | None) -> None:
    """Note who has done what: one line for each word, enrolment, erasure and search."""
    fields = {name: value if value is None else str(value) for name, value in what.items()}
    log.info("web_audit", by=identity.name, way=str(identity.way), action=action, **fields)
