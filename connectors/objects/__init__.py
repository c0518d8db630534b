"""Images from MinIO, or anything that speaks S3."""

from connectors.objects.answers import explain
from connectors.objects.client import minio_client, put_object, remove_object
from connectors.objects.reading import MinioStore

__all__ = ["MinioStore", "explain", "minio_client", "put_object", "remove_object"]
