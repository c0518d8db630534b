"""Images from MinIO, or anything that speaks S3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from connectors.tls import certificate_problem, client_context
from dataflow.jobs.errors import DataError, SolofaceError, SystemicError, TransientError
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.reason import Reason
from dataflow.settings import ImageSettings, StoreSettings

_CHUNK = 256 * 1024
_ABSENT = frozenset({"NoSuchKey", "ResourceNotFound", "NoSuchVersion"})
_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout"})


def minio_client(settings: StoreSettings, connections: int) -> Minio:
    """A client that gives up quickly: trying again is our own policy's business.

    Raises:
        ConfigurationError: the file of CAs cannot be used.
    """
    secret = settings.secret_key
    return Minio(
        settings.endpoint,
        access_key=settings.access_key,
        secret_key=secret.get_secret_value() if secret else None,
        secure=settings.secure,
        region=settings.region,
        http_client=_OneEndpoint(
            maxsize=connections,
            timeout=urllib3.Timeout(
                connect=settings.connect_timeout_s, read=settings.read_timeout_s
            ),
            retries=False,
            ssl_context=client_context(settings.ca, "STORE__CA") if settings.secure else None,
        ),
    )


class _RedirectedError(HTTPError):
    """The answer was: look elsewhere."""


class _OneEndpoint(urllib3.PoolManager):
    """Goes where it is configured to go, and nowhere else."""

    def urlopen(  # type: ignore[override]  # the subclass of a subclass, with its signature
        self,
        method: str,
        url: str,
        redirect: bool = False,  # noqa: ARG002, FBT001, FBT002 - urllib3's signature
        **options: Any,  # noqa: ANN401 - likewise
    ) -> urllib3.BaseHTTPResponse:
        """Send one request.

        Raises:
            _RedirectedError: it was answered by a redirection, which was not followed.
        """
        response = super().urlopen(method, url, redirect=False, **options)
        if response.get_redirect_location() is not False:
            response.close()
            raise _RedirectedError
        return response


def put_object(client: Minio, ref: ImageRef, content: bytes) -> None:
    """Store an object, as a platform does; the worker itself only reads.

    Raises:
        TransientError, SystemicError: the store did not take it.
    """
    try:
        client.put_object(ref.bucket, ref.key, BytesIO(content), len(content))
    except (MinioException, HTTPError, OSError) as error:
        raise explain(error) from error


def remove_object(client: Minio, ref: ImageRef) -> None:
    """Delete an object; one that is not there is no error.

    Raises:
        TransientError, SystemicError: the store did not do it.
    """
    try:
        client.remove_object(ref.bucket, ref.key)
    except (MinioException, HTTPError, OSError) as error:
        raise explain(error, ref.bucket) from error


class MinioStore:
    """Reads whole objects, never more than ``max_bytes`` of one."""

    def __init__(self, store: StoreSettings, images: ImageSettings, connections: int) -> None:
        self._client = minio_client(store, connections)
        self._max_bytes = images.max_bytes
        self._image_timeout_s = store.image_timeout_s

    def read(self, ref: ImageRef) -> bytes:
        """Read an object.

        Raises:
            DataError: ``image_not_found`` or ``image_too_large``.
            TransientError: a timeout, a broken connection or a busy server.
            SystemicError: unreachable, refusing us, or no such bucket.
        """
        try:
            return b"".join(self._chunks(ref))
        except (MinioException, HTTPError, OSError, ValueError) as error:
            raise explain(error, ref.bucket) from error

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


def explain(error: Exception, bucket: str = "") -> SolofaceError:
    """Translate a client's error: its nature, and one line that says what went wrong."""
    match error:
        case S3Error(code=code) if code in _ABSENT:
            return DataError(Reason.IMAGE_NOT_FOUND, "no such object")
        case S3Error(code=code) if code in _BUSY:
            return TransientError(f"the object store answers {code}")
        case S3Error(code="NoSuchBucket"):
            return SystemicError(f"the bucket {error.bucket_name or bucket} does not exist")
        case S3Error(code=code):
            return SystemicError(f"the object store answers {code}; see SOLOFACE_STORE__ACCESS_KEY")
        case ServerError() | InvalidResponseError():
            return TransientError("the object store answers with an error of its own")
        case NewConnectionError() | ConnectTimeoutError():
            return SystemicError("the object store does not answer (SOLOFACE_STORE__ENDPOINT)")
        case _RedirectedError() | SSLError():
            return SystemicError(_misdirected(error))
        case HTTPError() | OSError():
            return TransientError(f"reading failed: {type(error).__name__}")
        case _:
            # The SDK checks names before it asks the server.
            return DataError(Reason.INVALID_IMAGE_REF, str(error))


def _misdirected(error: Exception) -> str:
    if isinstance(error, _RedirectedError):
        return "the object store redirects, which is not followed; see SOLOFACE_STORE__ENDPOINT"
    if problem := certificate_problem(error):
        return (
            f"the object store's certificate is not accepted: {problem}; see SOLOFACE_STORE__CA "
            "and the name in SOLOFACE_STORE__ENDPOINT"
        )
    return "no TLS connection to the object store (SOLOFACE_STORE__SECURE)"
