"""Reading images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from xml.etree.ElementTree import ParseError

from minio.error import MinioException
from urllib3.exceptions import HTTPError

from connectors.store.access import Access
from connectors.store.answers import RefusedError, about_this_object, explain
from connectors.store.client import minio_client
from dataflow.jobs.errors import DataError, TransientError
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.reason import Reason
from dataflow.settings import ImageSettings, StoreSettings

_CHUNK = 256 * 1024
_NO_SUCH_RANGE = 416


def nothing_known(bucket: str) -> Iterable[ImageRef]:
    """Nobody knows of an object that could be read lately."""
    del bucket
    return ()


class MinioStore:
    """Reads whole objects, never more than ``max_bytes`` of one.

    ``known`` names objects of a bucket that could be read lately, the newest first.
    """

    def __init__(
        self,
        store: StoreSettings,
        images: ImageSettings,
        connections: int,
        known: Callable[[str], Iterable[ImageRef]] = nothing_known,
    ) -> None:
        self._client = minio_client(store, connections)
        self._prefixes = store.prefixes or ("",)
        self._max_bytes = images.max_bytes
        self._image_timeout_s = store.image_timeout_s
        self._access = Access(self._look, self._listed, known)

    def read(self, ref: ImageRef) -> bytes:
        """Read an object.

        Raises:
            DataError: ``image_not_found``, ``image_too_large``, or ``image_unreadable``: the store
                refuses this object, and not others.
            TransientError: a timeout, a broken connection or a busy server.
            SystemicError: unreachable, or refusing whatever we ask for.
            UnprovenError: refusing this one, and nothing was read before.
        """
        try:
            return self._read(ref)
        except RefusedError as refusal:
            self._require_others(refusal, ref)
            if refusal.absent:
                raise about_this_object(refusal, ref) from refusal
        # Others can be read. If access was given back only just now, so can this one.
        try:
            return self._read(ref)
        except RefusedError as refusal:
            self._require_others(refusal, ref)
            raise about_this_object(refusal, ref) from refusal

    def _require_others(self, refusal: RefusedError, ref: ImageRef) -> None:
        """Raise unless the refusal is about this object alone."""
        if refusal.absent:
            return
        if refusal.busy:
            raise explain(refusal, ref.bucket) from refusal
        if problem := self._access.problem(ref, refusal):
            raise type(problem)(str(problem)) from refusal

    def _read(self, ref: ImageRef) -> bytes:
        """Read an object.

        Raises:
            RefusedError: the store's answer is no.
            SolofaceError: any other failure.
        """
        try:
            image = b"".join(self._chunks(ref))
        except RefusedError:
            raise
        except (MinioException, HTTPError, OSError, ValueError) as error:
            raise explain(error, ref.bucket) from error
        if image:
            self._access.was_read(ref)
        return image

    def _chunks(self, ref: ImageRef) -> Iterator[bytes]:
        response = self._client.get_object(ref.bucket, ref.key)
        whole = False
        try:
            size = 0
            deadline = time.monotonic() + self._image_timeout_s
            # What has come, not a whole chunk: that may take for ever, a byte at a time.
            while chunk := response.read1(_CHUNK):
                if time.monotonic() > deadline:
                    raise TransientError(f"reading took over {self._image_timeout_s:g} s")
                # Counted, not believed: Content-Length may be absent or a lie.
                size += len(chunk)
                if size > self._max_bytes:
                    raise DataError(
                        Reason.IMAGE_TOO_LARGE, f"the object is over {self._max_bytes} bytes"
                    )
                yield chunk
            whole = True
        finally:
            if not whole:
                response.close()
            response.release_conn()

    def _look(self, ref: ImageRef) -> None:
        """Read one byte of an object.

        Raises:
            RefusedError: the store's answer is no.
            HTTPError, OSError: there was none.
        """
        try:
            response = self._client.get_object(ref.bucket, ref.key, length=1)
        except RefusedError as refusal:
            if refusal.status != _NO_SUCH_RANGE:  # it is empty, and we may read that
                raise
        else:
            response.close()
            response.release_conn()

    def _listed(self, bucket: str) -> Iterator[ImageRef]:
        try:
            for prefix in self._prefixes:
                for item in self._client.list_objects(bucket, prefix, recursive=True):
                    if item.object_name and item.size:
                        yield ImageRef(bucket, item.object_name)
        except ParseError:
            raise RefusedError(200, "NoList") from None
