"""Talking to the object store: MinIO, or anything that speaks S3."""
