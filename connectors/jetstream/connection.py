"""Connecting to NATS, with errors that say what to do."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import DEFAULT_PREFIX

from connectors.jetstream.explaining import DeniedError
from connectors.jetstream.headers import Headers, parse
from connectors.jetstream.login import login
from connectors.tls import certificate_problem, client_context, present_certificate
from dataflow.jobs.errors import ConfigurationError, SolofaceError, SystemicError
from dataflow.process.health import Health
from dataflow.settings import PREFIX, NatsSettings

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5
_AT_ONCE = 0.0
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')


async def connect(
    settings: NatsSettings, name: str = "soloface", health: Health | None = None
) -> Connection:
    """Connect; afterwards the client reconnects for ever by itself, and ``health`` hears of it.

    Raises:
        ConfigurationError: the server refuses our credentials, or we its certificate.
        SystemicError: no server answers.
    """
    # With endless reconnects nats-py would also retry the first connection, and wrong credentials,
    # for ever and in silence. So the first one is a trial.
    health = health or Health()
    await (await _connect(settings, name, health, attempts=1)).close()
    return await _connect(settings, name, health, attempts=-1)


class LostError(Exception):
    """The connection was lost meanwhile."""


class Connection(Client):
    """A connection of which one can wait for the loss and the return.

    ``there`` is set while the server answers; ``since`` is when it last came, by the monotonic
    clock. ``api_prefix`` is where JetStream's interface is.
    """

    def __init__(self, api_prefix: str = DEFAULT_PREFIX) -> None:
        super().__init__()
        self.there = asyncio.Event()
        self.since = 0.0
        self.api_prefix = api_prefix
        self._limits: set[asyncio.Timeout] = set()
        self._asking: dict[asyncio.Timeout, str] = {}
        self._inbox_denied = False
        self._pong: tuple[float, asyncio.Future[bool]] | None = None

    async def answers(self, within_s: float) -> bool:
        """Whether the server answers a ping in time."""
        # Not by `flush`: it cancels what it waited for in vain, and nats-py then chokes on the
        # answer that comes late after all, and reads no more.
        if self._pong is None or self._pong[0] != self.since:
            since, pong = self.since, asyncio.get_running_loop().create_future()
            await self._send_ping(pong)
            self._pong = since, pong
        answered, _ = await asyncio.wait({self._pong[1]}, timeout=within_s)
        if answered:
            self._pong = None
        return bool(answered)

    @property
    def server_id(self) -> str:
        """Which server it is, of several."""
        return str(self._server_info.get("server_id", ""))

    def jetstream(self, **options: Any) -> JetStreamContext:  # noqa: ANN401 - nats-py's signature
        """JetStream, where the settings say that it is."""
        return JetStreamContext(self, **{"prefix": self.api_prefix, **options})

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,  # noqa: ASYNC109 - nats-py's signature
        old_style: bool = False,  # noqa: FBT001, FBT002
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Ask, and wait for the answer, but not where the server forbids the question.

        Raises:
            DeniedError, nats.errors.Error: as `asking` and nats-py have it.
        """
        async with self.asking(subject):
            return await super().request(subject, payload, timeout, old_style, headers)

    @asynccontextmanager
    async def asking(self, subject: str) -> AsyncIterator[None]:
        """Wait for answers to something, but not where the server forbids the question.

        Raises:
            DeniedError: this login may not ask, or not hear the answer.
        """
        if self._inbox_denied:
            raise self._no_inbox()
        try:
            async with asyncio.timeout(None) as limit:
                self._asking[limit] = subject.lower()
                try:
                    yield
                finally:
                    del self._asking[limit]
        except TimeoutError:
            if self._inbox_denied:
                raise self._no_inbox() from None
            if limit.when() == _AT_ONCE:
                raise DeniedError(f"this login may not publish to {subject}") from None
            raise

    def _no_inbox(self) -> DeniedError:
        inbox = bytes(self._inbox_prefix).decode()
        return DeniedError(
            f"this login may not subscribe to {inbox}.>, where answers come; see "
            "SOLOFACE_NATS__INBOX_PREFIX"
        )

    def denied(self, error: Exception) -> None:
        """Note what the server forbids: it says so without saying to whom."""
        found = _DENIED.search(str(error).lower())
        if not found:
            return
        verb, subject = found.groups()
        replies = bytes(self._resp_sub_prefix or b"").decode().lower()
        self._inbox_denied |= verb == "subscription" and bool(replies) and subject[:-1] == replies
        # A server that is in the domain itself maps the question before it forbids it.
        mapped = subject.removeprefix("$js") if subject.startswith("$js.api.") else " "
        asking = [
            limit
            for limit, asked in self._asking.items()
            if asked == subject or asked.endswith(mapped)
        ]
        for limit in self._asking if self._inbox_denied else asking:
            if not limit.expired():
                limit.reschedule(_AT_ONCE)
        if not asking and not self._inbox_denied:
            log.warning("nats_denied", right=verb, subject=subject)

    async def _process_headers(self, headers: bytes | None) -> Headers | None:
        """Replaces nats-py's, which a publisher's header block of one byte ends for good."""
        return parse(headers)

    @asynccontextmanager
    async def while_there(self, deadline: float) -> AsyncIterator[None]:
        """Do something that must end by a time of the loop's clock, and with the connection.

        Raises:
            LostError: the connection was lost before.
            TimeoutError: the time was over before.
        """
        try:
            async with asyncio.timeout_at(deadline) as limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            if limit.when() == _AT_ONCE:
                raise LostError from None
            raise

    def come(self) -> None:
        """The server answers."""
        self.since = time.monotonic()
        self._inbox_denied = False  # it may allow more by now
        self.there.set()

    def go(self) -> None:
        """It does not, or we have left."""
        self.there.clear()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(_AT_ONCE)

    def hang_up(self) -> None:
        """Close the socket; `close` waits for ever for the end of a handshake that failed."""
        if self._transport:
            self._transport.close()  # type: ignore[no-untyped-call]


class _TlsConnection(Connection):
    """Says nothing before the connection is encrypted.

    nats-py alone follows the server, or a proxy in front of it: where that asks for no TLS,
    it sends the password in the clear, whatever the URL says.
    """

    async def _process_info(
        self,
        info: dict[str, Any],
        initial_connection: bool = False,  # noqa: FBT001, FBT002 - nats-py's signature
    ) -> None:
        if initial_connection and not info.get("tls_required"):
            if not info.get("tls_available"):
                self.hang_up()
                raise nats.errors.SecureConnWantedError
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)


async def _connect(
    settings: NatsSettings, name: str, health: Health, *, attempts: int
) -> Connection:
    async def noted(error: Exception) -> None:
        """What else matters is raised, or the connection comes back."""
        client.denied(error)

    async def disconnected() -> None:
        client.go()
        if client.is_reconnecting:  # not when we close it ourselves
            log.warning("nats_disconnected")
            health.suffer("NATS", "disconnected")

    async def reconnected() -> None:
        client.come()
        log.info("nats_reconnected")
        health.recover("NATS")

    tls = _tls(settings)
    client = (_TlsConnection if tls else Connection)(settings.jetstream_prefix)
    try:
        await client.connect(
            settings.servers,
            name=name,
            tls=tls,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=0 if attempts > 0 else 1,
            allow_reconnect=attempts < 0,
            max_reconnect_attempts=attempts,
            error_cb=noted,
            disconnected_cb=disconnected,
            reconnected_cb=reconnected,
            inbox_prefix=settings.inbox_prefix,
            **login(settings),
        )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        client.hang_up()
        raise explain(error, settings) from error
    client.come()
    return client


def _tls(settings: NatsSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    context = client_context(settings.tls_ca, "NATS__TLS_CA")
    if settings.tls_cert and settings.tls_key:
        present_certificate(
            context, settings.tls_cert, settings.tls_key, "NATS__TLS_CERT and its key"
        )
    return context


def explain(error: Exception, settings: NatsSettings) -> SolofaceError:
    """Translate a client's error: its nature, and one line that says what to do about it."""
    if "Authorization" in str(error):
        login = settings.logins or [f"{PREFIX}NATS__{way}" for way in ("USER", "TOKEN")]
        return ConfigurationError(f"NATS refuses the credentials; see {' or '.join(login)}")
    if isinstance(error, nats.errors.SecureConnWantedError):
        return ConfigurationError(
            "NATS offers no TLS, so nothing was said to it; see SOLOFACE_NATS__URL"
        )
    if problem := certificate_problem(error):
        return ConfigurationError(
            f"NATS' certificate is not accepted: {problem}; see SOLOFACE_NATS__TLS_CA and the name "
            "in SOLOFACE_NATS__URL"
        )
    # How a server ends a handshake that it refuses, depending on who notices first.
    hung_up = settings.tls and isinstance(error, ConnectionResetError | BrokenPipeError)
    if hung_up or isinstance(error, ssl.SSLError):
        alert = str(getattr(error, "reason", None) or "it hangs up").replace("_", " ").lower()
        return ConfigurationError(
            f"no TLS connection to NATS: {alert}; it may ask for a certificate of ours, see "
            "SOLOFACE_NATS__TLS_CERT"
        )
    why = str(error) or type(error).__name__
    return SystemicError(f"NATS does not answer (SOLOFACE_NATS__URL): {why}")
