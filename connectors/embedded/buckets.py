"""Make the default bucket if it is missing."""

from __future__ import annotations

from urllib3.exceptions import HTTPError

from connectors.store import explain, minio_client
from connectors.store.answers import RefusedError
from connectors.store.client import bucket_exists
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import StoreSettings

_ALREADY_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def create_bucket(store: StoreSettings) -> bool:
    """Make `store.bucket` unless it exists.

    Returns:
        Whether it was made now.

    Raises:
        SystemicError: the store refuses or does not answer.
        ConfigurationError: buckets of such a name can be used, but not made.
        TransientError: it failed, and may not the next time.
    """
    client = minio_client(store, connections=1)
    try:
        if bucket_exists(client, store.bucket):
            return False
        client.make_bucket(store.bucket)
    except ValueError as error:
        raise ConfigurationError(f"SOLOFACE_STORE__BUCKET: {error}; make it yourself") from None
    except HTTPError as error:
        if isinstance(error, RefusedError) and error.code in _ALREADY_THERE:  # somebody was faster
            return False
        raise explain(error, store.bucket) from error
    return True
