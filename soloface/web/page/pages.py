"""The pages, as the server writes them: frames that a small module of ours fills from the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from soloface.web.api.parts import Reviewer, TheDesk, audit
from soloface.web.gate.access import Access
from soloface.web.gate.identity import Identity, Role, Way

FOLDER = Path(__file__).parent

router = APIRouter(include_in_schema=False)
static = StaticFiles(directory=FOLDER / "static")

_pages = Environment(
    loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
)
_LONGEST_TOKEN = 4096


async def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


TheAccess = Annotated[Access, Depends(_access)]


@router.get("/sign-in")
async def sign_in_page(request: Request, access: TheAccess) -> Response:
    """Where people show their token."""
    if request.state.identity is not None:
        return RedirectResponse("/review", 303)
    return _html("sign-in.html", wrong=False, possible=access.sessions is not None)


@router.post("/sign-in")
async def sign_in(request: Request, access: TheAccess) -> Response:
    """Take a token for a cookie."""
    form = parse_qs((await request.body()).decode("utf-8", "replace")[:_LONGEST_TOKEN])
    cookie = access.sign_in("".join(form.get("token", [])).strip())
    if cookie is None or access.sessions is None:
        possible = access.sessions is not None
        return _html("sign-in.html", status=401, wrong=True, possible=possible)
    response = RedirectResponse("/review", 303)
    response.set_cookie(
        access.cookie,
        cookie,
        max_age=access.sessions.seconds,
        path="/",
        secure=access.is_secure,
        httponly=True,
        samesite="strict",
    )
    identity = access.sessions.read(cookie)
    if identity:
        audit(identity, "sign_in")
    return response


@router.post("/sign-out")
async def sign_out(request: Request, access: TheAccess) -> Response:
    """Forget the cookie."""
    if request.state.identity is not None:
        audit(request.state.identity, "sign_out")
    response = Response(status_code=204)
    response.delete_cookie(
        access.cookie, path="/", secure=access.is_secure, httponly=True, samesite="strict"
    )
    return response


@router.get("/")
async def home() -> Response:
    """The queues are what people come for."""
    return RedirectResponse("/review", 303)


@router.get("/review")
async def review_page(access: TheAccess, reviewer: Reviewer) -> Response:
    """A queue, card by card."""
    return _page("review.html", access, reviewer)


@router.get("/groups")
async def groups_page(access: TheAccess, reviewer: Reviewer, desk: TheDesk) -> Response:
    """Unknown faces that look like one person."""
    may_enrol = desk.settings.web.new_users and Role.ENROLLER in reviewer.roles
    return _page("groups.html", access, reviewer, may_enrol=may_enrol)


@router.get("/mine")
async def mine_page(access: TheAccess, reviewer: Reviewer) -> Response:
    """One's own decisions."""
    return _page("mine.html", access, reviewer)


@router.get("/people/{user_id}")
async def person_page(user_id: UUID, access: TheAccess, reviewer: Reviewer) -> Response:
    """A user's photos, the farthest first."""
    return _page("person.html", access, reviewer, subject=str(user_id))


@router.get("/photos/{photo_id}")
async def photo_page(photo_id: UUID, access: TheAccess, reviewer: Reviewer) -> Response:
    """All that is known of a photo."""
    return _page("photo.html", access, reviewer, subject=str(photo_id))


def _page(
    template: str,
    access: Access,
    identity: Identity,
    subject: str = "",
    *,
    may_enrol: bool = False,
) -> Response:
    return _html(
        template,
        name=identity.name,
        proof=access.proof(identity),
        can_sign_out=identity.way is Way.SESSION,
        subject=subject,
        here=template,
        may_enrol=may_enrol,
    )


def _html(template: str, status: int = 200, **values: object) -> Response:
    return HTMLResponse(_pages.get_template(template).render(**values), status)
