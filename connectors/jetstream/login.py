"""How we say to NATS who we are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]
from nats.aio.client import RawCredentials

from connectors.tls import unusable
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import PREFIX, NatsSettings

_JWT = "NATS USER JWT"
_SEED = "USER NKEY SEED"


def login(settings: NatsSettings) -> dict[str, Any]:
    """The client's options for the one login that is configured.

    Raises:
        ConfigurationError: the nkey or the credentials file cannot be used.
    """
    if settings.credentials is not None:
        return {"user_credentials": _credentials(settings.credentials)}
    if settings.nkey_seed is not None:
        seed = settings.nkey_seed.get_secret_value().strip()
        _check_seed(seed, "NATS__NKEY_SEED")
        return {"nkeys_seed_str": seed}
    return {
        "user": settings.user,
        "password": settings.password.get_secret_value() if settings.password else None,
        "token": settings.token.get_secret_value() if settings.token else None,
    }


def _credentials(path: Path) -> RawCredentials:
    """Read the file once: the client would look for ever for a line that is not there."""
    try:
        lines = path.expanduser().read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError:
        lines = []
    except OSError as error:
        raise unusable("NATS__CREDENTIALS", error) from None
    _after(lines, _JWT)
    _check_seed(_after(lines, _SEED), "NATS__CREDENTIALS")
    return RawCredentials("\n".join([*lines, ""]))


def _after(lines: list[str], marker: str) -> str:
    for line, following in pairwise(lines):
        if f"BEGIN {marker}" in line and following:
            return following
    raise ConfigurationError(
        f"{PREFIX}NATS__CREDENTIALS is no credentials file: it has no {marker}"
    )


def _check_seed(seed: str, variable: str) -> None:
    try:
        pair = nkeys.from_seed(bytearray(seed, "ascii"))
        is_user = pair.public_key.startswith(b"U")
    except (nkeys.NkeysError, ValueError):
        is_user = False
    if not is_user:
        raise ConfigurationError(f"{PREFIX}{variable} has no seed of a user's nkey (SU…)")
