"""The object store and the database."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from dataflow.settings.section import PREFIX, Section, all_or_none
from dataflow.settings.types import Bucket, Endpoint, KeyPrefix, Names, PemFile, Seconds


class StoreSettings(Section):
    """Where the photos are: MinIO, or anything that speaks S3."""

    endpoint: Endpoint = Field(
        "127.0.0.1:9000", description="host:port, `http://host:port` or `https://host:port`."
    )
    secure: bool = Field(
        default=False, description="Use TLS; `https://` in the endpoint says the same."
    )
    ca: PemFile | None = Field(
        None, description="Path of the CAs to trust, in PEM form; by default the system's."
    )
    region: str = Field(
        "us-east-1", description="Region of the buckets. Setting it saves one request per bucket."
    )
    access_key: str | None = Field(
        None, description="Access key. Without one, the worker is anonymous."
    )
    secret_key: SecretStr | None = Field(None, description="Secret of `access_key`.")
    bucket: Bucket = Field(
        "images", description="Default bucket, for a reference that is only a key."
    )
    buckets: Annotated[frozenset[Bucket], Names] = Field(
        frozenset(), description="Other buckets that a reference may name, separated by commas."
    )
    prefixes: Annotated[tuple[KeyPrefix, ...], Names] = Field(
        (), description="What a key must start with, like `photos/`. Separate several with commas."
    )
    tries: int = Field(
        3, ge=1, description="How often a fetch is tried if it fails for a passing reason."
    )
    backoff_s: Seconds = Field(
        0.5, description="Wait after the first try; twice as long after the second, and so on."
    )
    connect_timeout_s: Seconds = Field(3, description="Longest wait for a connection.")
    read_timeout_s: Seconds = Field(15, description="Longest wait for the next byte.")
    image_timeout_s: Seconds = Field(60, description="Longest time for one whole image.")

    @property
    def address(self) -> str:
        """The endpoint as host:port, or host alone."""
        return self.endpoint.rpartition("://")[2].rstrip("/")

    @property
    def encrypted(self) -> bool:
        """Whether the store is spoken to over TLS."""
        return self.secure or self.endpoint.lower().startswith("https://")

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        scheme = self.endpoint.lower().partition("://")[0]
        contrary = {"http": True, "https": False}.get(scheme)
        if "secure" in self.model_fields_set and self.secure is contrary:
            raise ValueError(
                f"{PREFIX}STORE__ENDPOINT says {scheme}:// and {PREFIX}STORE__SECURE says "
                f"{str(self.secure).lower()}; drop {PREFIX}STORE__SECURE"
            )
        if self.ca and not self.encrypted:
            raise ValueError(f"{PREFIX}STORE__CA has a use only with {PREFIX}STORE__SECURE=true")
        return all_or_none(self, "STORE", "access_key", "secret_key")


class DatabaseSettings(Section):
    """PostgreSQL with pgvector."""

    dsn: SecretStr = Field(
        SecretStr("postgresql://soloface@127.0.0.1:5432/soloface"),
        description="Connection string, in libpq's form.",
    )
    pooler: Literal["none", "transaction"] = Field(
        "none",
        description="`transaction` if the DSN leads to PgBouncer or a similar pooler. Then no "
        "session is changed, no statement is prepared, and each transaction sends the timeouts.",
    )
    connect_timeout_s: int = Field(5, ge=1, description="For one connection.")
    statement_timeout_s: Seconds = Field(30, description="For one statement.")
