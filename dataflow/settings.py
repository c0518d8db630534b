"""Every setting of the worker: read once from the environment, validated before anything starts.

A field ``store.secret_key`` is the variable ``SOLOFACE_STORE__SECRET_KEY``. Any variable may be
given as ``…_FILE`` instead: a file whose content is the value (Docker and Kubernetes secrets).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dataflow.environment import Environment
from dataflow.errors import ConfigurationError
from dataflow.setting_types import Bucket, KeyPrefix, Names, PemFile, Seconds

PREFIX = "SOLOFACE_"
OPEN_PACK = "open"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=_Section)


def _both(section: S, name: str, *fields: str) -> S:
    """Insist on all of a login's parts or none."""
    missing = [field for field in fields if getattr(section, field) is None]
    if 0 < len(missing) < len(fields):
        variables = ", ".join(f"{PREFIX}{name}__{field.upper()}" for field in missing)
        raise ValueError(f"{variables} is missing")
    return section


class NatsSettings(_Section):
    """Where jobs come from, and how they are delivered."""

    url: str = Field(  # may hold a password
        "nats://127.0.0.1:4222", description="Server, or several with commas.", repr=False
    )
    user: str | None = Field(None, description="User name, with `password`.")
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
    tls_cert: PemFile | None = Field(None, description="Path of our own certificate, for mTLS.")
    tls_key: PemFile | None = Field(None, description="Path of the private key of `tls_cert`.")
    subject: str = Field("photo_faces.single.requested", description="Subject of the jobs.")
    stream: str = Field("PHOTO_FACES", description="Stream that holds the jobs.")
    durable: str = Field("soloface", description="Durable consumer; replicas share it.")
    dead_subject: str = Field("photo_faces.single.dead", description="Subject of dead letters.")
    dead_stream: str = Field("PHOTO_FACES_DEAD", description="Stream that keeps dead letters.")
    provision: bool = Field(default=True, description="Create streams and consumer when absent.")
    ack_wait_s: Seconds = Field(
        30, ge=1, description="How long the server waits for a sign of life before it redelivers."
    )
    max_ack_pending: int = Field(
        256, ge=1, description="Jobs in flight over all replicas; bounds the worker's memory."
    )
    max_deliver: int = Field(
        8, ge=2, description="Deliveries after which a job is dead-lettered instead of tried."
    )
    retry_delay_s: Seconds = Field(
        5, description="Redelivery delay after a transient failure, times the deliveries so far."
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
        _both(self, "NATS", "tls_cert", "tls_key")
        _both(self, "NATS", "user", "password")
        if len(self.logins) > 1:
            raise ValueError(f"{' and '.join(self.logins)} are several ways to log in; keep one")
        return self


class StoreSettings(_Section):
    """Where the photos are: MinIO, or anything that speaks S3."""

    endpoint: str = Field("127.0.0.1:9000", description="host:port.")
    secure: bool = Field(default=False, description="Use TLS.")
    ca: PemFile | None = Field(
        None, description="Path of the CAs to trust, in PEM form; by default the system's."
    )
    region: str = Field("us-east-1", description="Saves one request per bucket.")
    access_key: str | None = Field(None, description="Absent: anonymous.")
    secret_key: SecretStr | None = Field(None, description="Secret of `access_key`.")
    bucket: Bucket = Field("images", description="Bucket of a bare key.")
    buckets: Annotated[frozenset[Bucket], Names] = Field(
        frozenset(), description="Further buckets that a reference may name, with commas."
    )
    prefixes: Annotated[tuple[KeyPrefix, ...], Names] = Field(
        (), description="What a key must start with, like `photos/`; several with commas."
    )
    tries: int = Field(3, ge=1, description="Tries of a fetch that fails transiently.")
    backoff_s: Seconds = Field(0.5, description="Wait before try n+1: n times this.")
    connect_timeout_s: Seconds = Field(3, description="For one connection.")
    read_timeout_s: Seconds = Field(15, description="Without a byte arriving.")

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if self.ca and not self.secure:
            raise ValueError(f"{PREFIX}STORE__CA has a use only with {PREFIX}STORE__SECURE=true")
        return _both(self, "STORE", "access_key", "secret_key")


class DatabaseSettings(_Section):
    """PostgreSQL with pgvector."""

    dsn: SecretStr = Field(
        SecretStr("postgresql://soloface@127.0.0.1:5432/soloface"), description="libpq URL."
    )
    connect_timeout_s: int = Field(5, ge=1, description="For one connection.")
    statement_timeout_s: Seconds = Field(30, description="For one statement.")


class ModelSettings(_Section):
    """Which networks look at the photos."""

    pack: str = Field("buffalo_l", description="Installed pack, or the path of a pack's folder.")
    root: Path = Field(
        Path("~/.cache/soloface/models"), description="Where `soloface models install` puts packs."
    )
    dimension: int | None = Field(
        None, ge=1, le=2000, description="Embedding size; by default 128 for `open`, 512 otherwise."
    )
    providers: Annotated[tuple[str, ...], Names] = Field(
        ("CPUExecutionProvider",), description="ONNX Runtime providers, with commas."
    )

    @property
    def embedding_dimension(self) -> int:
        """Length of the vectors that the pack makes."""
        return self.dimension or (128 if self.pack == OPEN_PACK else 512)


class ImageSettings(_Section):
    """What a photo may cost."""

    max_bytes: int = Field(30_000_000, ge=1, description="Larger objects are not read.")
    max_pixels: int = Field(100_000_000, ge=1, description="Checked in the header, not decoded.")


class MatchSettings(_Section):
    """When the nearest user is the answer. By default: always."""

    max_distance: float | None = Field(
        None, ge=0, le=2, description="Cosine distance above which nobody is recorded."
    )
    min_margin: float | None = Field(
        None, ge=0, le=2, description="How much farther the second-best user must be."
    )


class WorkerSettings(_Section):
    """How the work is cut."""

    batch: int = Field(8, ge=1, le=256, description="Jobs that pass a step together.")
    fetchers: int = Field(8, ge=1, le=64, description="Images fetched at a time, per process.")
    cores: int | None = Field(
        None, ge=1, description="Images computed at a time, per process; by default all cores."
    )
    photo_grace_s: float = Field(
        5,
        ge=0,
        allow_inf_nan=False,
        description="How long an unknown photo may still be on its way into `photos`.",
    )
    drain_timeout_s: Seconds = Field(
        25, description="A drain that takes longer is given up; below your platform's grace."
    )
    dedup_window_s: Seconds = Field(120, description="How long a photo is remembered as seen.")
    dedup_entries: int = Field(100_000, ge=64, description="How many photos are, at most.")


class LogSettings(_Section):
    """What is printed."""

    level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level.")
    format: str = Field("auto", pattern="^(auto|json|console)$", description="auto: json if piped.")


class Settings(BaseSettings):
    """The worker's whole configuration, see the sections' own fields."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
        extra="forbid",
        frozen=True,
    )

    nats: NatsSettings = NatsSettings()
    store: StoreSettings = StoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    model: ModelSettings = ModelSettings()
    images: ImageSettings = ImageSettings()
    match: MatchSettings = MatchSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Serve Prometheus metrics there; absent: not at all."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment with its ``…_FILE`` variables."""
        return (init_settings, Environment(settings_cls))


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigurationError: a variable is unknown or has a bad value; the message names each one.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(error))) from None
    _refuse_unknown_sections(settings)
    return settings


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        variable = PREFIX + "__".join(str(part).upper() for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{variable} is not a setting; check its spelling.")
        else:
            lines.append(f"{variable}: {problem['msg']}.")
    return lines


def _refuse_unknown_sections(settings: Settings) -> None:
    """Report misspelt top-level variables, which pydantic-settings passes over in silence."""
    known = {name.upper() for name in type(settings).model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX):
            section = variable.removeprefix(PREFIX).partition("__")[0].removesuffix("_FILE")
            if section not in known:
                raise ConfigurationError(f"{variable} is not a setting; check its spelling.")
