"""Make the default bucket if it is missing."""

from __future__ import annotations

from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from connectors.store.objects import explain, minio_client
from dataflow.settings import StoreSettings

_ALREADY_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def create_bucket(store: StoreSettings) -> bool:
    """Make `store.bucket` unless it exists.

    Returns:
        Whether it was made now.

    Raises:
        SystemicError: the store refuses or does not answer.
        TransientError: it failed, and may not the next time.
    """
    client = minio_client(store, connections=1)
    try:
        if client.bucket_exists(store.bucket):
            return False
        client.make_bucket(store.bucket)
    except (MinioException, HTTPError) as error:
        if isinstance(error, S3Error) and error.code in _ALREADY_THERE:  # somebody was faster
            return False
        raise explain(error, store.bucket) from error
    return True
