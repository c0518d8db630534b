"""The object store and the database."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from dataflow.settings.section import PREFIX, Section, all_or_none
from dataflow.settings.types import Bucket, KeyPrefix, Names, PemFile, Seconds


class StoreSettings(Section):
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
    image_timeout_s: Seconds = Field(60, description="For one whole image.")

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if self.ca and not self.secure:
            raise ValueError(f"{PREFIX}STORE__CA has a use only with {PREFIX}STORE__SECURE=true")
        return all_or_none(self, "STORE", "access_key", "secret_key")


class DatabaseSettings(Section):
    """PostgreSQL with pgvector."""

    dsn: SecretStr = Field(
        SecretStr("postgresql://soloface@127.0.0.1:5432/soloface"), description="libpq URL."
    )
    pooler: Literal["none", "transaction"] = Field(
        "none",
        description="`transaction`: the DSN leads to PgBouncer or the like. Nothing is set for "
        "the session or prepared, and the timeouts go along with each transaction.",
    )
    connect_timeout_s: int = Field(5, ge=1, description="For one connection.")
    statement_timeout_s: Seconds = Field(30, description="For one statement.")
