"""The file of tokens: who they are for, what they allow, and their hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from dataflow.jobs.errors import ConfigurationError
from soloface.web.gate.identity import Role

START = "sf_"
"""So that a token is known for one wherever it turns up."""

_NAME = re.compile(r"[^\s:#][^\s:]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Token:
    """A line of the file; the token itself is nowhere kept."""

    name: str
    roles: frozenset[Role]
    sha256: str


def new_token(name: str, roles: Collection[Role]) -> tuple[str, str]:
    """Make a token; returns it and its line for the file.

    Raises:
        ConfigurationError: no token can have that name.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no name for a token: 1 to 64 characters, no spaces and no colon, and "
            "no # at its beginning"
        )
    token = START + secrets.token_urlsafe(32)
    return token, f"{name}:{','.join(sorted(roles))}:{hash_of(token)}"


def hash_of(token: str) -> str:
    """What is kept of a token. It is as random as the hash, so it needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(path: Path) -> list[Token]:
    """Read the file.

    Raises:
        ConfigurationError: it cannot be read, holds no token, or a line is wrong; no line is shown.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"SOLOFACE_WEB__TOKENS: {path} cannot be read: {why}") from None
    tokens = list(_tokens(text, path))
    names = [token.name for token in tokens]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationError(f"{path}: the name {min(twice)} stands there twice")
    if not tokens:
        raise ConfigurationError(f"{path} holds no token; make one with: soloface token NAME")
    return tokens


def _tokens(text: str, path: Path) -> Iterator[Token]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.strip().partition(":")
        roles, _, sha256 = rest.partition(":")
        wanted = [role.strip() for role in roles.split(",")]
        if not (_NAME.fullmatch(name) and _SHA256.fullmatch(sha256)):
            raise ConfigurationError(
                f"{path}, line {number}: it must be name:roles:sha256, as soloface token prints it"
            )
        if unknown := [role for role in wanted if role not in set(Role)]:
            raise ConfigurationError(
                f"{path}, line {number}: {unknown[0] or 'an empty word'} is no role; they are "
                f"{', '.join(Role)}"
            )
        yield Token(name, frozenset(map(Role, wanted)), sha256)


class Tokens:
    """The tokens of a file, read again when it changes: who is taken out is out at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tokens = read_tokens(path)
        self._state = _state(path)

    def of(self, token: str) -> Token | None:
        """Whose token it is; ``None``: nobody's."""
        sha256 = hash_of(token)
        found = None
        for known in self._now():
            # All of them, each in the same time, so that time says nothing.
            if hmac.compare_digest(known.sha256, sha256):
                found = known
        return found

    def named(self, name: str) -> Token | None:
        """The token of somebody; ``None``: they have none any more."""
        return next((token for token in self._now() if token.name == name), None)

    def _now(self) -> list[Token]:
        with self._lock:
            state = _state(self._path)
            if state != self._state:
                self._state = state
                try:
                    self._tokens = read_tokens(self._path)
                except ConfigurationError as error:
                    # Nobody gets in by a file that cannot be read.
                    self._tokens = []
                    log.error("tokens_unreadable", error=str(error))  # noqa: TRY400 - one line
            return self._tokens


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
