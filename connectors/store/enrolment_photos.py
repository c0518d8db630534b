"""Enrolment photos, wherever they are: files of this machine, or objects in the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from uuid import UUID
from xml.etree.ElementTree import ParseError

import structlog
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from connectors.store import MinioStore, explain, minio_client, put_object, remove_object
from dataflow.gallery.enrolment import Portrait
from dataflow.jobs.errors import DataError, SolofaceError
from dataflow.jobs.image_ref import SCHEME, ImageRef, RefPolicy
from dataflow.jobs.reason import Reason
from dataflow.process.retry import LinearBackoff
from dataflow.settings import Settings

KEPT = "enrolment"
"""Where `--keep-photos` puts them in the default bucket: ``enrolment/<user>/<sha256>.<ext>``."""

_CONNECTIONS = 16
_KEPT_KEY = re.compile(KEPT + r"/[0-9a-f-]{36}/[0-9a-f]{64}(\.[^/]*)?")

log = structlog.get_logger()


class EnrolmentPhotos:
    """Reads photos by their references, and keeps those that would not last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        store = settings.store
        self._refs = RefPolicy(store.bucket, store.buckets)
        self._backoff = LinearBackoff(store.tries, store.backoff_s)

    @cached_property
    def _store(self) -> MinioStore:
        return MinioStore(self._settings.store, self._settings.images, _CONNECTIONS)

    def read(self, photo: str) -> bytes:
        """Read a photo; an object is tried a few times.

        Raises:
            OSError: the file cannot be read.
            DataError: no such object, a bucket that is not allowed, or too large.
            TransientError, SystemicError: the store cannot be read.
        """
        if photo.startswith(SCHEME):
            return self._read_object(self._refs.parse(photo))
        data = Path(photo).read_bytes()
        limit = self._settings.images.max_bytes
        if len(data) > limit:
            raise DataError(Reason.IMAGE_TOO_LARGE, f"the file is over {limit} bytes")
        return data

    def read_job_image(self, image_ref: str) -> bytes:
        """Read what a job named, by the rules for jobs: an object, never a file.

        Raises:
            DataError: no such object, or a reference that is not allowed.
            TransientError, SystemicError: the store cannot be read.
        """
        store = self._settings.store
        return self._read_object(
            RefPolicy(store.bucket, store.buckets, store.prefixes).parse(image_ref)
        )

    def _read_object(self, ref: ImageRef) -> bytes:
        return self._backoff.call(partial(self._store.read, ref))

    def keep(self, user_id: UUID, portrait: Portrait) -> str:
        """Store a local photo in the default bucket; returns its lasting reference."""
        if portrait.photo.startswith(SCHEME):
            return portrait.photo
        suffix = PurePosixPath(portrait.photo).suffix.lower()
        return self.keep_image(user_id, portrait.sha256, self.read(portrait.photo), suffix)

    def keep_image(self, user_id: UUID, sha256: str, image: bytes, suffix: str = "") -> str:
        """Store a photo's file in the default bucket; returns its lasting reference.

        Raises:
            TransientError, SystemicError: the store did not take it.
        """
        ref = ImageRef(self._settings.store.bucket, f"{KEPT}/{user_id}/{sha256}{suffix}")
        put_object(minio_client(self._settings.store, 1), ref, image)
        return ref.in_full

    def kept(self, photos: Iterable[str]) -> list[ImageRef]:
        """Those of some photos that :meth:`keep` has stored."""
        bucket = self._settings.store.bucket
        start = f"{SCHEME}{bucket}/"
        keys = [photo.removeprefix(start) for photo in photos if photo.startswith(start)]
        return [ImageRef(bucket, key) for key in keys if _KEPT_KEY.fullmatch(key)]

    def kept_of(self, user_id: UUID) -> list[str]:
        """What :meth:`keep` has stored of a user, also in a run that was interrupted.

        Raises:
            TransientError, SystemicError: the store does not list it.
        """
        return [photo for _, photo in self.under(f"{KEPT}/{user_id}/")]

    def delete(self, kept: ImageRef) -> None:
        """Delete a photo from the store.

        Raises:
            TransientError, SystemicError: the store did not do it.
        """
        remove_object(minio_client(self._settings.store, 1), kept)

    def forget(self, photos: Iterable[str]) -> None:
        """Delete those that :meth:`keep` has stored, as nobody refers to them any more.

        One that the store does not let go is logged: the user is enrolled anyhow.
        """
        for ref in self.kept(photos):
            try:
                self.delete(ref)
            except SolofaceError as error:
                log.warning("kept_photo_not_deleted", key=ref.key, error=str(error))

    def under(self, prefix: str) -> Iterator[tuple[str, str]]:
        """List the objects under a prefix, by key; yields what follows the prefix, and the photo.

        Raises:
            TransientError, SystemicError: the store does not list them.
        """
        bucket, key = self._settings.store.bucket, prefix
        if prefix.startswith(SCHEME):
            bucket, _, key = prefix.removeprefix(SCHEME).partition("/")
        try:
            for item in minio_client(self._settings.store, 1).list_objects(
                bucket, key, recursive=True
            ):
                name = item.object_name or ""
                yield name.removeprefix(key).lstrip("/"), f"{SCHEME}{bucket}/{name}"
        except (MinioException, HTTPError, OSError, ValueError, ParseError) as error:
            raise explain(error, bucket) from error
