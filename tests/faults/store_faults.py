"""An object store that answers wrongly on demand: an HTTP proxy in front of the real one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import urllib3

from tests.answering import served

Fault = Callable[[BaseHTTPRequestHandler], bool]
"""Looks at a request, and says whether it has answered it itself."""

Tamper = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Writes the body of an answer whose headers are sent."""

_ERROR = b'<?xml version="1.0"?><Error><Code>%b</Code><Message>on purpose</Message></Error>'


def answering(status: int, code: bytes) -> Fault:
    """Every request fails with that status and S3 error code."""

    def answer(request: BaseHTTPRequestHandler) -> bool:
        body = _ERROR % code
        request.send_response(status)
        request.send_header("Content-Type", "application/xml")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
        return True

    return answer


def sometimes(share: float, fault: Fault) -> Fault:
    """So many of the requests meet the fault; always the same ones."""
    dice = random.Random(7)  # noqa: S311 - repeatable, not secret

    def perhaps(request: BaseHTTPRequestHandler) -> bool:
        return dice.random() < share and fault(request)

    return perhaps


def whole(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """The body as it is."""
    request.wfile.write(body)


def half(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Half of what the headers promised, then the connection ends."""
    request.wfile.write(body[: len(body) // 2])


def drop_by_drop(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """One byte per second, as long as somebody listens."""
    for index in range(len(body)):
        request.wfile.write(body[index : index + 1])
        request.wfile.flush()
        time.sleep(1)


@dataclass
class FaultyStore:
    """What it does with requests may be changed at any moment."""

    address: str
    fault: Fault | None = None
    tamper: Tamper = whole
    requests: int = 0
    faults: int = 0

    def behave(self, fault: Fault | None = None, tamper: Tamper = whole) -> None:
        """Change what happens to the requests that come from now on."""
        self.fault, self.tamper = fault, tamper


@contextmanager
def faulty_store(target: str) -> Iterator[FaultyStore]:
    """A proxy in front of the store at host:port ``target``; it passes reads only."""
    pool = urllib3.HTTPConnectionPool(target, maxsize=16, retries=False)

    def answer(request: BaseHTTPRequestHandler) -> None:
        store.requests += 1
        if store.fault and store.fault(request):
            store.faults += 1
            return
        # The signature covers the host that was asked, which is why the headers stay as they are.
        real = pool.request(request.command, request.path, headers=dict(request.headers.items()))
        request.send_response(real.status)
        for name in ("Content-Type", "Content-Length", "ETag"):
            if value := real.headers.get(name):
                request.send_header(name, value)
        request.end_headers()
        if request.command == "HEAD":
            return
        store.faults += store.tamper is not whole
        try:
            store.tamper(request, real.data)
        except OSError:
            request.close_connection = True  # the reader had enough

    with served(answer) as address:
        store = FaultyStore(address)
        yield store
    pool.close()
