"""How a variable's text becomes a value, where that takes more than its type."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"(?P<host>({_LABEL}\.)*{_LABEL}|\[[0-9A-Fa-f:.]{{2,45}}\])(:(?P<port>[0-9]{{1,9}}))?"
)
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_LAST_PORT = 65535


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [name for part in value.split(",") if (name := part.strip())]


def _a_path(value: Path) -> Path:
    # What X_FILE means is easily mistaken where X itself is a path.
    if "-----BEGIN" in str(value):
        raise ValueError("it must name a file, not hold its content; set it without _FILE")
    return value


def _an_endpoint(value: str) -> str:
    scheme, separator, address = value.rpartition("://")
    found = _ADDRESS.fullmatch(address.removesuffix("/") if separator else address)
    if not found or (separator and scheme.lower() not in {"http", "https"}):
        raise ValueError("give host:port, http://host:port or https://host:port, and nothing else")
    port = found["port"]
    if port is not None and not 1 <= int(port) <= _LAST_PORT:
        raise ValueError(f"{port} is no port: they go from 1 to {_LAST_PORT}")
    return value


def _a_bucket(value: str) -> str:
    if _IPV4.fullmatch(value):
        raise ValueError("an IP address is no bucket's name")
    if any(pair in value for pair in ("..", ".-", "-.")):
        raise ValueError("two dots, or a dot beside a hyphen, are no part of a bucket's name")
    return value


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Names = BeforeValidator(_split)
PemFile = Annotated[Path, AfterValidator(_a_path)]
KeyPrefix = Annotated[str, Field(pattern=r"^[^/\\]")]
Endpoint = Annotated[str, AfterValidator(_an_endpoint)]
Bucket = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$"),
    AfterValidator(_a_bucket),
]
"""Also an old name, with capitals and ``_``. S3 once took 255 characters; the SDK takes 63."""
