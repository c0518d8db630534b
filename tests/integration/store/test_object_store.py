"""Reading images: each way in which it fails, and the nature of the failure."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any, Protocol

import pytest
from minio import Minio
from pydantic import SecretStr

from connectors.embedded import ObjectServer
from connectors.store import MinioStore
from dataflow.jobs.errors import DataError, SystemicError, TransientError
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.reason import Reason
from dataflow.settings import ImageSettings, StoreSettings
from tests.answering import served

ANYTHING = ImageRef("images", "photo.jpg")
MEGABYTE = 1_000_000


class OpenStore(Protocol):
    """Opens the real server's store, or what the changed settings lead to."""

    def __call__(self, *, max_bytes: int = MEGABYTE, **changes: object) -> MinioStore: ...


@pytest.fixture
def open_store(object_server: ObjectServer) -> Iterator[OpenStore]:
    opened = []

    def open_it(*, max_bytes: int = MEGABYTE, **changes: object) -> MinioStore:
        usual: dict[str, object] = {
            "endpoint": object_server.endpoint,
            "access_key": object_server.access_key,
            "secret_key": SecretStr(object_server.secret_key),
        }
        settings = StoreSettings.model_validate(usual | changes)
        opened.append(MinioStore(settings, ImageSettings(max_bytes=max_bytes), connections=2))
        return opened[-1]

    yield open_it
    for store in opened:
        store._client._http.clear()


def put(client: Minio, bucket: str, key: str, data: bytes) -> ImageRef:
    client.put_object(bucket, key, BytesIO(data), len(data))
    return ImageRef(bucket, key)


# The real server


@pytest.mark.parametrize("key", ["photo.jpg", "a/b/c", "Zoë & Co/ä b+c%20?#.jpg", "x" * 200])
@pytest.mark.parametrize("size", [0, 1, MEGABYTE])
def test_an_object_is_read_whole(
    open_store: OpenStore, object_client: Minio, bucket: str, key: str, size: int
) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    assert open_store().read(put(object_client, bucket, key, data)) == data


def test_a_missing_object_is_not_found(open_store: OpenStore, bucket: str) -> None:
    with pytest.raises(DataError) as failure:
        open_store().read(ImageRef(bucket, "nothing.jpg"))

    assert failure.value.reason is Reason.IMAGE_NOT_FOUND


def test_a_missing_bucket_is_no_fault_of_the_job(open_store: OpenStore) -> None:
    with pytest.raises(SystemicError, match="the bucket no-such-bucket does not exist"):
        open_store().read(ImageRef("no-such-bucket", "photo.jpg"))


def test_a_name_that_no_bucket_can_have_is_an_invalid_reference(open_store: OpenStore) -> None:
    with pytest.raises(DataError) as failure:
        open_store().read(ImageRef("No_Bucket!", "photo.jpg"))

    assert failure.value.reason is Reason.INVALID_IMAGE_REF


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"secret_key": SecretStr("wrong")}, "SignatureDoesNotMatch"),
        ({"access_key": "nobody"}, "InvalidAccessKeyId"),
        ({"access_key": None, "secret_key": None}, "the object store answers"),
    ],
)
def test_refused_credentials_are_no_fault_of_the_job(
    open_store: OpenStore, bucket: str, changes: dict[str, Any], answer: str
) -> None:
    with pytest.raises(SystemicError, match=answer) as failure:
        open_store(**changes).read(ImageRef(bucket, "photo.jpg"))

    assert "wrong" not in str(failure.value)


def test_an_object_over_the_limit_is_refused_and_the_next_one_read(
    open_store: OpenStore, object_client: Minio, bucket: str
) -> None:
    store = open_store(max_bytes=1000)
    with pytest.raises(DataError) as failure:
        store.read(put(object_client, bucket, "large", bytes(1001)))

    assert failure.value.reason is Reason.IMAGE_TOO_LARGE
    assert store.read(put(object_client, bucket, "small", bytes(1000))) == bytes(1000)


# Servers that fail as the real one will not


def test_a_closed_port_is_no_fault_of_the_job(open_store: OpenStore) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        store = open_store(endpoint=f"127.0.0.1:{closed.getsockname()[1]}")

        with pytest.raises(SystemicError, match="does not answer"):
            store.read(ANYTHING)


def test_tls_where_there_is_none_is_no_fault_of_the_job(
    open_store: OpenStore, object_server: ObjectServer
) -> None:
    with pytest.raises(SystemicError, match="SOLOFACE_STORE__SECURE"):
        open_store(endpoint=object_server.endpoint, secure=True).read(ANYTHING)


def head(request: BaseHTTPRequestHandler, status: int, kind: str, length: int) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(length))
    request.end_headers()


def test_a_flood_is_cut_off_at_the_limit(open_store: OpenStore) -> None:
    sent = []

    def flood(request: BaseHTTPRequestHandler) -> None:
        head(request, 200, "image/jpeg", 10**12)
        try:
            while True:
                sent.append(request.wfile.write(bytes(MEGABYTE)))
        except OSError:  # the reader has hung up
            request.close_connection = True

    with served(flood) as endpoint, pytest.raises(DataError) as failure:
        open_store(endpoint=endpoint, max_bytes=MEGABYTE).read(ANYTHING)

    assert failure.value.reason is Reason.IMAGE_TOO_LARGE
    assert sum(sent) < 100 * MEGABYTE  # what the sockets buffer


def test_a_body_that_breaks_off_is_worth_another_try(open_store: OpenStore) -> None:
    def break_off(request: BaseHTTPRequestHandler) -> None:
        head(request, 200, "image/jpeg", 1000)
        request.wfile.write(bytes(999))
        request.close_connection = True

    with served(break_off) as endpoint, pytest.raises(TransientError):
        open_store(endpoint=endpoint).read(ANYTHING)


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (503, "application/xml", b"<Error><Code>SlowDown</Code></Error>"),
        (500, "application/xml", b"<Error><Code>InternalError</Code></Error>"),
        (502, "text/html", b"<h1>Bad Gateway</h1>"),
        (504, "text/plain", b""),
    ],
)
def test_a_busy_server_is_worth_another_try(
    open_store: OpenStore, status: int, kind: str, body: bytes
) -> None:
    def fail(request: BaseHTTPRequestHandler) -> None:
        head(request, status, kind, len(body))
        request.wfile.write(body)

    with served(fail) as endpoint, pytest.raises(TransientError):
        open_store(endpoint=endpoint).read(ANYTHING)


def test_a_silent_server_is_given_up_and_worth_another_try(open_store: OpenStore) -> None:
    over = threading.Event()
    with served(lambda _: over.wait()) as endpoint:
        store = open_store(endpoint=endpoint, read_timeout_s=0.1)
        with pytest.raises(TransientError, match="Timeout"):
            store.read(ANYTHING)
        over.set()


def test_a_body_that_comes_byte_by_byte_is_given_up_in_time(open_store: OpenStore) -> None:
    over = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        head(request, 200, "image/jpeg", MEGABYTE)
        with suppress(OSError):  # the reader has hung up
            while not over.wait(0.02):
                request.wfile.write(b"x")

    with served(drip) as endpoint:
        store = open_store(endpoint=endpoint, image_timeout_s=0.2)
        with pytest.raises(TransientError, match=r"over 0\.2 s"):
            store.read(ANYTHING)
        over.set()


def test_a_slow_answer_has_the_time_that_reading_has_not_that_of_connecting(
    open_store: OpenStore,
) -> None:
    may_answer = threading.Event()

    def dawdle(request: BaseHTTPRequestHandler) -> None:
        may_answer.wait()
        head(request, 200, "image/jpeg", 1)
        request.wfile.write(b"x")

    with served(dawdle) as endpoint:
        store = open_store(endpoint=endpoint, connect_timeout_s=0.2, read_timeout_s=30)
        # Longer than connecting may take, counted from when it is connected.
        late = threading.Timer(0.6, may_answer.set)
        late.start()
        try:
            assert store.read(ANYTHING) == b"x"
        finally:
            late.cancel()
            may_answer.set()
