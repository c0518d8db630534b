"""The object store: the buckets that references may name."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.store.objects import explain as explain_store
from connectors.store.objects import minio_client
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings


def buckets(settings: Settings) -> Iterator[str]:
    """Are the buckets there, and is our login let in."""
    store = settings.store
    client = minio_client(store, connections=1)
    try:
        missing = [b for b in sorted({store.bucket, *store.buckets}) if not client.bucket_exists(b)]
    except Exception as error:
        raise explain_store(error) from error
    if missing:
        raise ConfigurationError(f"no such bucket: {', '.join(missing)}")
    yield f"{store.endpoint}, bucket {store.bucket}"
