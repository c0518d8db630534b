"""The HTTP server around the application."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from dataflow.jobs.errors import ConfigurationError
from dataflow.process.shutdown import SIGNALS
from dataflow.settings import WebSettings

_BACKLOG = 1024
_HEAD_BYTES = 32 * 1024
_KEEP_ALIVE_S = 15
_GRACE_S = 10


class Server(uvicorn.Server):
    """Ends with code 0 at the first SIGTERM or SIGINT, and at once at the second."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Heed signals while it runs, as far as Python allows it in this thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(settings: WebSettings) -> socket.socket:
    """A socket on the host and port of the settings.

    Raises:
        ConfigurationError: the port is taken, or the address is none of this machine's.
    """
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, _, _, address = found[0]
        listening = socket.socket(family, kind)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "no host can have that name"
        raise ConfigurationError(
            f"SOLOFACE_WEB__HOST {settings.host}, SOLOFACE_WEB__PORT {settings.port}: {why}"
        ) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Where it is reached."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server_of(app: ASGIApp, settings: WebSettings) -> Server:
    """A server that is not started yet; run it with a socket of :func:`listen`."""
    config = uvicorn.Config(
        app,
        http=_protocol(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        # What a proxy says of its callers is `Access`'s business.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=_HEAD_BYTES,
    )
    return Server(config)


def _protocol(settings: WebSettings) -> type[H11Protocol]:
    """The protocol with this server's limits; each server has its own connections."""
    own = {
        "waiting": OrderedDict(),
        "most": settings.connections,
        "patience_s": settings.body_timeout_s,
    }
    return type("OwnProtocol", (PatientProtocol,), own)


class PatientProtocol(H11Protocol):
    """Gives up connections on which no request comes.

    uvicorn waits for a request's head for ever, and would answer nobody else once too many wait.
    Here the connection that has waited longest makes room.
    """

    waiting: ClassVar[OrderedDict[PatientProtocol, None]]
    most: ClassVar[int]
    patience_s: ClassVar[float]

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's signature
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()
        while len(self.connections) > self.most and self.waiting:
            oldest, _ = self.waiting.popitem(last=False)
            oldest.transport.abort()
            self.connections.discard(oldest)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._go_on()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Look whether a request's head has come."""
        super().handle_events()
        if self._is_answering:
            self._go_on()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is there already."""
        super().on_response_complete()
        if not (self._is_answering or self.transport.is_closing()):
            self._wait()

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._go_on()
        self.waiting[self] = None
        self._late = self.loop.call_later(self.patience_s, self._give_up)

    def _go_on(self) -> None:
        self.waiting.pop(self, None)
        if self._late:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        self.waiting.pop(self, None)
        if not self.transport.is_closing():
            self.transport.abort()
