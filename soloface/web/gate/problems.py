"""What a refusal looks like: problem details (RFC 9457) with a stable reason code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson
import structlog
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dataflow.gallery.enrolment import Status
from dataflow.jobs.errors import ConfigurationError, DataError, SystemicError, TransientError
from dataflow.jobs.reason import Reason
from dataflow.tags.refusal import Refusal, RefusedWordError

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


class Code(StrEnum):
    """Reasons of the web's own. The codes are stable."""

    INVALID_REQUEST = "invalid_request"
    NOT_SIGNED_IN = "not_signed_in"
    NOT_ALLOWED = "not_allowed"
    WRONG_HOST = "wrong_host"
    FOREIGN_SITE = "foreign_site"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TOO_SLOW = "body_too_slow"
    WRONG_TYPE = "wrong_type"
    TOO_MANY_REQUESTS = "too_many_requests"
    BUSY = "busy"
    TRY_AGAIN = "try_again"
    UNAVAILABLE = "unavailable"
    BUG = "bug"


class Problem(BaseModel):
    """Why a request was not done."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    reason: str


_STATUS: Mapping[str, int] = {
    Code.INVALID_REQUEST: 422,
    Code.NOT_SIGNED_IN: 401,
    Code.NOT_ALLOWED: 403,
    Code.WRONG_HOST: 421,
    Code.FOREIGN_SITE: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.BODY_TOO_LARGE: 413,
    Code.BODY_TOO_SLOW: 408,
    Code.WRONG_TYPE: 415,
    Code.TOO_MANY_REQUESTS: 429,
    Code.BUSY: 429,
    Code.TRY_AGAIN: 503,
    Code.UNAVAILABLE: 503,
    Code.BUG: 500,
    Refusal.UNKNOWN_PHOTO: 404,
    Refusal.UNKNOWN_USER: 404,
    Refusal.UNKNOWN_FACE: 404,
    Refusal.UNKNOWN_DECISION: 404,
    Refusal.SEVERAL_FACES: 409,
    Refusal.USER_WITHDRAWN: 409,
    Refusal.ALREADY_ENROLLED: 409,
    Refusal.CHANGED_MEANWHILE: 409,
    Refusal.ALREADY_UNDONE: 409,
    Refusal.KEY_REUSED: 409,
    Status.CLASHES: 409,
    Reason.IMAGE_NOT_FOUND: 404,
    Reason.IMAGE_TOO_LARGE: 413,
}
_OTHERWISE = 422

_BY_STATUS = {
    400: Code.INVALID_REQUEST,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.BODY_TOO_LARGE,
    415: Code.WRONG_TYPE,
}


class ProblemError(HTTPException):
    """A request that is not done; ``more`` is what the answer says besides."""

    def __init__(
        self, code: str, detail: str, *, retry_after_s: int | None = None, **more: object
    ) -> None:
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else {}
        super().__init__(_STATUS.get(code, _OTHERWISE), detail, headers)
        self.code = code
        self.more = more


def invalid(errors: Sequence[Any]) -> ProblemError:
    """A request that pydantic found ``errors`` in, told by the first one."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    return ProblemError(Code.INVALID_REQUEST, f"{where}: {first['msg']}" if where else first["msg"])


def answer(error: HTTPException) -> Response:
    """The answer to a request that is not done."""
    if isinstance(error, ProblemError):
        code, more = error.code, error.more
    else:
        code, more = str(_BY_STATUS.get(error.status_code, Code.INVALID_REQUEST)), {}
    headers = dict(error.headers or {})
    if error.status_code == _STATUS[Code.NOT_SIGNED_IN]:
        headers["WWW-Authenticate"] = "Bearer"
    body: dict[str, Any] = {
        "type": f"urn:soloface:reason:{code}",
        "title": code.replace("_", " "),
        "status": error.status_code,
        "detail": str(error.detail),
        "reason": code,
        **more,
    }
    return Response(
        orjson.dumps(body), status_code=error.status_code, media_type=MEDIA_TYPE, headers=headers
    )


def problem_of(error: Exception) -> ProblemError:
    """A failure that is expected, as the caller is told of it; a bug is logged."""
    match error:
        case ProblemError():
            return error
        case RefusedWordError(refusal=refusal):
            return ProblemError(refusal, str(error))
        case DataError(reason=reason):
            return ProblemError(reason, str(error))
        case TransientError():
            log.warning("web_try_again", error=str(error))
            return ProblemError(
                Code.TRY_AGAIN, "a server did not answer in time; try again", retry_after_s=1
            )
        case SystemicError() | ConfigurationError():
            # What is wrong is for who runs this, and may name hosts and logins.
            log.error("web_unavailable", error=str(error))
            return ProblemError(
                Code.UNAVAILABLE,
                "something that this needs is not there; the log says what",
                retry_after_s=5,
            )
        case _:
            log.error("web_bug", exc_info=error)
            return ProblemError(Code.BUG, "this is a bug; the log says more")
