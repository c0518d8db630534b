"""Stores that answer as no store should, and buckets as they were once named."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import pytest

from connectors.embedded import ObjectServer
from dataflow.jobs.errors import DataError, SolofaceError, UnprovenError
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.reason import Reason
from tests.answering import served
from tests.fixtures.open_stores import OpenStore
from tests.world import eventually

PHOTO = b"a photo"


@pytest.mark.parametrize("start", [b"<Error>", b"<Error><Code>AccessDenied</Code>"])
def test_an_error_that_never_ends_is_cut_off(store_of: OpenStore, start: bytes) -> None:
    sent: list[int] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(403)
        request.send_header("Content-Type", "application/xml")
        request.end_headers()
        request.close_connection = True
        try:
            request.wfile.write(start)
            while True:
                sent.append(request.wfile.write(bytes(64_000)))
        except OSError:
            return

    with served(answer) as endpoint, pytest.raises(UnprovenError):
        store_of(endpoint).read(ImageRef("images", "a.jpg"))

    assert sum(sent) < 50_000_000  # what the sockets of a few requests buffer


def test_a_bucket_with_an_old_name_is_read(
    object_server: ObjectServer, store_of: OpenStore
) -> None:
    name = "Old_Bucket.2006"
    folder = object_server.directory / "data" / name
    folder.mkdir(exist_ok=True)
    (folder / "a.jpg").write_bytes(PHOTO)
    store = store_of(object_server.endpoint, bucket=name)

    def is_seen() -> bool:
        try:
            return store.read(ImageRef(name, "a.jpg")) == PHOTO
        except SolofaceError:
            return False

    eventually(is_seen, "the folder is seen")
    with pytest.raises(DataError) as missing:
        store.read(ImageRef(name, "b.jpg"))
    assert missing.value.reason is Reason.IMAGE_NOT_FOUND
