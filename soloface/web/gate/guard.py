"""What holds for every request, before anything looks at it and after it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dataflow.process.metrics import WEB_REQUESTS, WEB_SECONDS
from soloface.web.gate.access import Access, a_stranger
from soloface.web.gate.identity import Identity
from soloface.web.gate.problems import Code, ProblemError, answer, problem_of
from soloface.web.gate.rates import Rates

OPEN_PATHS = frozenset({"/v1/openapi.json", "/sign-in", "/sign-out"})
"""What strangers may ask for: nothing there shows a face."""
OPEN_FOLDERS = ("/static/",)

SMALL_BODY = 64 * 1024
"""Bytes of a body that holds no photo."""

_HEADERS = {
    # Faces: no cache on the way keeps them, and no other site may show them.
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`: a form would be sent with the origin `null`, like another site's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

log = structlog.get_logger()


class Guard:
    """Wraps the application: who asks, how often, how much they send, and what is noted of it.

    A stranger is refused before any byte of a body is read.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        rates: Rates,
        body_timeout_s: float,
        large_body: int,
    ) -> None:
        self._app = app
        self._access = access
        self._rates = rates
        self._body_timeout_s = body_timeout_s
        self._large_body = large_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(send)
        began = time.monotonic()
        try:
            await self._answered(scope, receive, seen)
        except Exception as error:
            if seen.status:
                raise  # half of an answer is out: the connection must end
            await answer(problem_of(error))(scope, receive, seen)
        finally:
            _note(scope, seen, time.monotonic() - began)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        self._access.require_host(request)
        peer = request.client.host if request.client else ""
        try:
            identity = self._access.identity(request)
        except ProblemError:
            self._count(f"peer {peer}")
            raise
        self._count(identity.name if identity else f"peer {peer}")
        if identity is None and not _is_open(scope["path"]):
            if _is_page(scope):
                await RedirectResponse("/sign-in", 303)(scope, receive, send)
                return
            raise a_stranger()
        self._access.require_own_site(request, identity)
        scope.setdefault("state", {})["identity"] = identity
        body = _Body(receive, self._most(scope), self._body_timeout_s)
        if body.is_announced_too_large(request):
            raise _too_large(body.most)
        await self._app(scope, body, send)

    def _count(self, who: str) -> None:
        if wait_s := self._rates.wait_s(who):
            raise ProblemError(
                Code.TOO_MANY_REQUESTS,
                "too many requests; wait a little",
                retry_after_s=max(1, round(wait_s)),
            )

    def _most(self, scope: Scope) -> int:
        kind = dict(scope["headers"]).get(b"content-type", b"")
        return SMALL_BODY if kind.startswith(b"application/json") else self._large_body


class _Seen:
    """Sends an answer on with our headers, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


class _Body:
    """Receives a body that is neither too large nor too slow."""

    def __init__(self, receive: Receive, most: int, timeout_s: float) -> None:
        self._receive = receive
        self._deadline: float | None = None
        self._timeout_s = timeout_s
        self._size = 0
        self._whole = False
        self.most = most

    def is_announced_too_large(self, request: HTTPConnection) -> bool:
        """Whether its own header says so; without one, it is counted as it comes."""
        announced = request.headers.get("Content-Length", "0")
        return announced.isdigit() and int(announced) > self.most

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # only whether the caller is still there
        now = asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + self._timeout_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(
                Code.BODY_TOO_SLOW, f"the body did not come within {self._timeout_s:g} s"
            ) from None
        self._size += len(message.get("body", b""))
        if self._size > self.most:
            raise _too_large(self.most)
        self._whole = not message.get("more_body", False)
        return message


def _too_large(most: int) -> ProblemError:
    return ProblemError(Code.BODY_TOO_LARGE, f"the body is over {most} bytes")


def _is_page(scope: Scope) -> bool:
    return scope["method"] == "GET" and not scope["path"].startswith("/v1/")


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def _note(scope: Scope, seen: _Seen, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "none")
    WEB_REQUESTS.labels(route, scope["method"] if route != "none" else "none", seen.status).inc()
    WEB_SECONDS.labels(route).observe(seconds)
    state: Mapping[str, Any] = scope.get("state", {})
    identity: Identity | None = state.get("identity")
    log.debug(
        "web_request",
        method=scope["method"],
        route=route,
        status=seen.status,
        by=identity.name if identity else None,
        seconds=round(seconds, 4),
    )
