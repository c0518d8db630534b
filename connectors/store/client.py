"""The client of the object store, and what commands write there."""

from __future__ import annotations

import re
import time
from io import BytesIO
from typing import Any

import urllib3
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from connectors.store.answers import RedirectedError, RefusedError, explain
from connectors.tls import client_context
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.image_ref import ImageRef
from dataflow.settings import StoreSettings

_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_CODE = re.compile(rb"<Code>\s*([A-Za-z0-9._-]{1,64})\s*</Code>")
_SUCCESS = frozenset({200, 204, 206})
_ERROR_BYTES = 64 * 1024
_ERROR_S = 5
"""How much of an error's body is read, and for how long: the answer may never end."""


def minio_client(settings: StoreSettings, connections: int) -> Minio:
    """A client that gives up quickly: trying again is our own policy's business.

    Each answer that is no success is raised as :class:`RefusedError`, whatever its body says: the
    SDK's own translation loses the status, and fails over a body that is no XML.

    Raises:
        ConfigurationError: the endpoint or the file of CAs cannot be used.
    """
    secret = settings.secret_key
    try:
        client = Minio(
            settings.address,
            access_key=settings.access_key,
            secret_key=secret.get_secret_value() if secret else None,
            secure=settings.encrypted,
            region=settings.region,
            http_client=_OneEndpoint(
                maxsize=connections,
                timeout=urllib3.Timeout(
                    connect=settings.connect_timeout_s, read=settings.read_timeout_s
                ),
                retries=False,
                ssl_context=(
                    client_context(settings.ca, "STORE__CA") if settings.encrypted else None
                ),
            ),
        )
    except ValueError as error:
        raise ConfigurationError(f"SOLOFACE_STORE__ENDPOINT: {error}") from None
    if not all(map(_HOST_NAME.fullmatch, {settings.bucket, *settings.buckets})):
        # An old name cannot be part of a host's name, which is how AWS is asked else.
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return client


class _OneEndpoint(urllib3.PoolManager):
    """Goes where it is configured to go, and nowhere else; says what was answered there."""

    def urlopen(  # type: ignore[override]  # the subclass of a subclass, with its signature
        self,
        method: str,
        url: str,
        redirect: bool = False,  # noqa: ARG002, FBT001, FBT002 - urllib3's signature
        **options: Any,  # noqa: ANN401 - likewise
    ) -> urllib3.BaseHTTPResponse:
        """Send one request.

        Raises:
            RefusedError: the answer is no success.
            RedirectedError: it is a redirection, which was not followed.
        """
        preload = options.pop("preload_content", True)
        response = super().urlopen(method, url, redirect=False, preload_content=False, **options)
        if response.get_redirect_location() is not False:
            raise RedirectedError(response.status, _code(response))
        if response.status not in _SUCCESS:
            raise RefusedError(response.status, _code(response))
        if preload:
            response.read(cache_content=True)
            response.release_conn()
        return response


def _code(response: urllib3.BaseHTTPResponse) -> str:
    """The S3 error code in an answer's body; empty if it names none."""
    body, deadline = b"", time.monotonic() + _ERROR_S
    try:
        while len(body) < _ERROR_BYTES and time.monotonic() < deadline:
            if not (chunk := response.read1(_ERROR_BYTES)):
                break
            body += chunk
    except (HTTPError, OSError):
        pass  # what has come must do
    finally:
        if not response.closed:
            response.close()
        response.release_conn()
    found = _CODE.search(body)
    return found[1].decode() if found else ""


def bucket_exists(client: Minio, bucket: str) -> bool:
    """Whether there is such a bucket, as far as this login may know.

    Raises:
        RefusedError: the store does not say; :attr:`RefusedError.denied` where it may not.
        HTTPError, ValueError: what the client makes of a store that cannot be reached, or of a name
            that no bucket can have.
    """
    try:
        return client.bucket_exists(bucket)
    except RefusedError as refusal:
        if refusal.status == 404:  # noqa: PLR2004 - Not Found, without a body that could say more
            return False
        raise


def put_object(client: Minio, ref: ImageRef, content: bytes) -> None:
    """Store an object, as a platform does; the worker itself only reads.

    Raises:
        TransientError, SystemicError: the store did not take it.
        DataError: no store can take an object of that name.
    """
    try:
        client.put_object(ref.bucket, ref.key, BytesIO(content), len(content))
    except (MinioException, HTTPError, OSError, ValueError) as error:
        raise explain(error, ref.bucket) from error


def remove_object(client: Minio, ref: ImageRef) -> None:
    """Delete an object; one that is not there is no error.

    Raises:
        TransientError, SystemicError: the store did not do it.
    """
    try:
        client.remove_object(ref.bucket, ref.key)
    except (MinioException, HTTPError, OSError, ValueError) as error:
        raise explain(error, ref.bucket) from error
