"""The ASGI application."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from dataflow.jobs.errors import SolofaceError
from soloface.web.api import finding, groups, images, photos, review, users
from soloface.web.gate.access import Access
from soloface.web.gate.guard import Guard
from soloface.web.gate.problems import Problem, answer, invalid, problem_of
from soloface.web.gate.rates import Rates
from soloface.web.page import pages
from soloface.web.work.desk import Desk
from soloface.web.work.wire_enrolment import EnrolRequest


def build(desk: Desk) -> ASGIApp:
    """Everything that is served, behind its guard.

    Raises:
        ConfigurationError: strangers could reach it and nobody can be told apart.
    """
    settings = desk.settings
    access = Access(settings.web)
    app = api()
    app.state.desk = desk
    app.state.access = access
    return Guard(
        app,
        access,
        Rates(settings.web.requests_per_minute),
        settings.web.body_timeout_s,
        settings.images.max_bytes,
    )


def api() -> FastAPI:
    """The paths, without anything behind them: enough for the OpenAPI document."""
    app = FastAPI(
        title="soloface",
        version=version("soloface"),
        summary="Which enrolled user is on a photo, and what people say of it.",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
    )
    for part in (finding, users, photos, review, groups, images, pages):
        app.include_router(part.router)
    app.mount("/static", pages.static)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(SolofaceError, _failed)
    plain = app.openapi

    def document() -> dict[str, Any]:
        whole = plain()
        schemas = whole["components"]["schemas"]
        for model in (Problem, EnrolRequest):
            schemas[model.__name__] = model.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return whole

    app.openapi = document  # type: ignore[method-assign]
    return app


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    return answer(invalid(error.errors()))


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - likewise
    return answer(error)


async def _failed(_request: Request, error: Exception) -> Response:
    return answer(problem_of(error))
