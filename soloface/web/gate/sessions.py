"""Cookies of people who are signed in: signed, short-lived, and worth nothing elsewhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

from dataflow.settings import WebSettings
from soloface.web.gate.identity import Identity, Way
from soloface.web.gate.tokens import Token, Tokens

COOKIE = "__Host-soloface"
"""A name that browsers take over TLS alone, for this host and all its paths."""

LOCAL_COOKIE = "soloface"
"""On this machine alone, where there is no TLS."""

_PARTS = 4


class Sessions:
    """Makes and reads cookies; nothing is kept, so any process with the key reads them.

    A cookie names the token that somebody signed in with. It ends with its time, and when that
    token is taken out of the file or replaced.
    """

    def __init__(
        self, settings: WebSettings, tokens: Tokens, now: Callable[[], float] = time.time
    ) -> None:
        key = settings.session_key
        self._key = key.get_secret_value().encode() if key else secrets.token_bytes(32)
        self._seconds = settings.session_hours * 3600
        self._tokens = tokens
        self._now = now

    @property
    def seconds(self) -> int:
        """How long a cookie lasts."""
        return int(self._seconds)

    def start(self, token: Token) -> str:
        """The cookie of somebody who has shown their token."""
        name = base64.urlsafe_b64encode(token.name.encode()).decode()
        until = int(self._now() + self._seconds)
        return self._signed(f"{name}.{until}.{secrets.token_urlsafe(16)}", token)

    def read(self, cookie: str) -> Identity | None:
        """Whose cookie it is; ``None``: it is forged, too old, or its token is gone."""
        body, _, _ = cookie.rpartition(".")
        parts = cookie.split(".")
        if len(parts) != _PARTS or not cookie.isascii():
            return None
        try:
            name = base64.urlsafe_b64decode(parts[0]).decode()
            until = int(parts[1])
        except ValueError:
            return None
        token = self._tokens.named(name)
        if token is None or not hmac.compare_digest(cookie, self._signed(body, token)):
            return None
        if until < self._now():
            return None
        return Identity(token.name, token.roles, Way.SESSION, body)

    def proof(self, identity: Identity) -> str:
        """What a page of ours sends along with each change, and no other site can know."""
        return self._sign(f"csrf {identity.session}")

    def _signed(self, body: str, token: Token) -> str:
        return f"{body}.{self._sign(f'session {body} {token.sha256}')}"

    def _sign(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
