"""What the DSN says, read without showing its password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from dataflow.jobs.errors import ConfigurationError

_UNREADABLE = (
    "SOLOFACE_DATABASE__DSN cannot be read; in the form postgresql://user:password@host:"
    "port/database, special characters of the password are percent-encoded"
)
_OPTION = re.compile(r"(?:-c\s*|--)([\w.-]+)=((?:[^\s\\]|\\.)*)")
_ESCAPED = re.compile(r"\\(.)")


def readable(dsn: str) -> Mapping[str, Any]:
    """The DSN's parts.

    Raises:
        ConfigurationError: libpq would complain, and quote it, password included.
    """
    try:
        parts = conninfo_to_dict(dsn)
    except (psycopg.Error, UnicodeError):
        raise ConfigurationError(_UNREADABLE) from None
    # A special character of the password makes of it a host, a port or a database. Of several
    # hosts, those that name no port leave its place empty.
    ports = [port for port in str(parts.get("port") or "").split(",") if port]
    login_is_lost = "://" in dsn and "@" in dsn.partition("?")[0] and "user" not in parts
    host_is_login = "@" in str(parts.get("host") or "")[1:]
    if not all(map(str.isdecimal, ports)) or login_is_lost or host_is_login or "\0" in dsn:
        raise ConfigurationError(_UNREADABLE)
    return parts


def settings_of(options: str) -> dict[str, str]:
    """The settings in the ``options`` of a DSN, such as ``-c search_path=app,public``.

    Raises:
        ConfigurationError: there is something else in them.
    """
    settings = {
        name.replace("-", "_"): _ESCAPED.sub(r"\1", value)
        for name, value in _OPTION.findall(options)
    }
    if _OPTION.sub("", options).strip():
        raise ConfigurationError(
            "SOLOFACE_DATABASE__DSN has options other than -c name=value, which a pooler in "
            "transaction mode cannot pass on"
        )
    return settings
