"""Images from MinIO, or anything that speaks S3."""

from connectors.store.answers import explain
from connectors.store.client import minio_client, put_object, remove_object
from connectors.store.reading import MinioStore

__all__ = ["MinioStore", "explain", "minio_client", "put_object", "remove_object"]
