"""The web process: where it listens, who may do what, and how much is taken at a time."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from dataflow.settings.section import Section
from dataflow.settings.types import Names, Seconds

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

WebRole = Literal["finder", "enroller", "reviewer"]


def _a_network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("give addresses or networks, like 10.0.0.0/8") from None
    return value


Network = Annotated[str, AfterValidator(_a_network)]


class WebSettings(Section):
    """`soloface serve`: the API and the review page; needs `soloface[web]`."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        max_length=253,
        description="Address to listen on. Any but this machine's own needs `tokens` or "
        "`user_header`.",
    )
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    hosts: Annotated[frozenset[str], Names] = Field(
        frozenset(),
        description="Host names under which it is reached, separated by commas. Requests for "
        "others are refused. By default any, but without a login only this machine's own.",
    )
    tokens: Path | None = Field(
        None, description="Path of the file of tokens; `soloface token` makes its lines."
    )
    user_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="Header in which a trusted proxy names its user, like `X-Forwarded-User`.",
    )
    proxies: Annotated[tuple[Network, ...], Names] = Field(
        ("127.0.0.1", "::1"),
        description="Addresses of the trusted proxies, separated by commas. The header counts from "
        "nobody else.",
    )
    proxy_roles: Annotated[frozenset[WebRole], Names] = Field(
        frozenset({"reviewer"}),
        description="What the proxy's users may do: `finder`, `enroller`, `reviewer`.",
    )
    session_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs the cookies of those who are signed in. By default a new one at each "
        "start. Several processes need the same.",
    )
    session_hours: float = Field(
        12, gt=0, le=720, description="After so many hours, people sign in again."
    )
    enrolment_dsn: SecretStr | None = Field(
        None,
        description="Database login for enrolling and erasing faces, with the roles "
        "`soloface_enroller` and `soloface_eraser`; by default that of `database`.",
    )
    connections: int = Field(
        256, ge=1, le=10_000, description="Open connections. The oldest idle one makes room."
    )
    body_timeout_s: Seconds = Field(
        30, description="A request's head and body must each come within this time."
    )
    requests_per_minute: int = Field(
        1200, ge=1, description="Requests that one token, user or address may make in a minute."
    )
    finders: int | None = Field(
        None, ge=1, le=256, description="Faces to find at a time; by default the number of cores."
    )
    waiting: int = Field(
        16, ge=0, le=1024, description="Further faces that may wait for that. Then it answers 429."
    )
    database_connections: int = Field(
        8, ge=1, le=64, description="Requests that ask the database or the store at a time."
    )
    new_users: bool = Field(
        default=False,
        description="Whether a moderator who may enrol too can make a user of a group of unknown "
        "faces.",
    )
    claim_s: Seconds = Field(
        300, description="For so long nobody else gets a photo that somebody looks at."
    )

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() in LOOPBACK

    @property
    def knows_people(self) -> bool:
        """Whether there is a way to tell people apart."""
        return self.tokens is not None or self.user_header is not None
