"""NATS: where jobs come from."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from dataflow.settings.section import PREFIX, Section, all_or_none
from dataflow.settings.types import PemFile, Seconds


class NatsSettings(Section):
    """Where jobs come from, and how they are delivered."""

    url: str = Field(  # may hold a password
        "nats://127.0.0.1:4222", description="Server. Separate several with commas.", repr=False
    )
    user: str | None = Field(None, description="User name; needs `password` too.")
    password: SecretStr | None = Field(None, description="Password of `user`.")
    token: SecretStr | None = Field(None, description="Token, instead of user and password.")
    nkey_seed: SecretStr | None = Field(
        None, description="Seed of a user's nkey (`SU…`), instead of user and password."
    )
    credentials: PemFile | None = Field(
        None, description="Path of a credentials file (`.creds`), instead of user and password."
    )
    tls_ca: PemFile | None = Field(
        None, description="Path of the CAs to trust, in PEM form; by default the system's."
    )
    tls_cert: PemFile | None = Field(
        None, description="Path of the worker's own certificate, for mTLS."
    )
    tls_key: PemFile | None = Field(None, description="Path of the private key of `tls_cert`.")
    subject: str = Field("photo_faces.single.requested", description="Subject of the jobs.")
    stream: str = Field("PHOTO_FACES", description="Stream that holds the jobs.")
    durable: str = Field("soloface", description="Durable consumer; replicas share it.")
    dead_subject: str = Field("photo_faces.single.dead", description="Subject of dead letters.")
    dead_stream: str = Field("PHOTO_FACES_DEAD", description="Stream that keeps dead letters.")
    events: bool = Field(default=True, description="Publish an event for every settled job.")
    settled_subject: str = Field("photo_faces.single.settled", description="Subject of the events.")
    settled_stream: str = Field("PHOTO_FACES_SETTLED", description="Stream that keeps events.")
    provision: bool = Field(default=True, description="Create streams and consumer when absent.")
    ack_wait_s: Seconds = Field(
        30,
        ge=1,
        description="The server sends a job again after so long without a sign of life.",
    )
    max_ack_pending: int = Field(
        256, ge=1, description="Jobs in work over all workers, at most. Limits the memory they use."
    )
    max_deliver: int = Field(
        8,
        ge=2,
        description="After so many deliveries a job becomes a dead letter and is not tried again.",
    )
    retry_delay_s: Seconds = Field(
        5,
        description="Delay after a passing failure, times the job's deliveries so far.",
    )

    @property
    def servers(self) -> list[str]:
        """The URLs, one by one."""
        return [server for part in self.url.split(",") if (server := part.strip())]

    @property
    def tls(self) -> bool:
        """Whether nothing may be said before the connection is encrypted."""
        files = (self.tls_ca, self.tls_cert, self.tls_key)
        return any(files) or any(server.startswith("tls://") for server in self.servers)

    @property
    def logins(self) -> list[str]:
        """The variables that say who we are; more than one is refused."""
        ways = ("user", "token", "nkey_seed", "credentials")
        names = [way for way in ways if getattr(self, way) is not None]
        names += ["url"] if "@" in self.url else []
        return [f"{PREFIX}NATS__{name.upper()}" for name in names]

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        for server in self.servers:
            if "://" in server and not server.startswith(("nats://", "tls://")):
                raise ValueError(f"{PREFIX}NATS__URL takes nats:// and tls:// only")
        all_or_none(self, "NATS", "tls_cert", "tls_key")
        all_or_none(self, "NATS", "user", "password")
        if len(self.logins) > 1:
            raise ValueError(f"{' and '.join(self.logins)} are several ways to log in; keep one")
        return self
