"""The object store: whom it must prove to be, and that nothing leads away from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from minio import Minio
from pydantic import SecretStr

from connectors.embedded import ObjectServer
from connectors.store import MinioStore
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.jobs.image_ref import ImageRef
from dataflow.settings import ImageSettings, StoreSettings
from tests.answering import served
from tests.fixtures.certificates import Certificates, tls_in_front_of

PHOTO = b"a photo"


def read(ref: ImageRef, **settings: Any) -> bytes:  # noqa: ANN401 - of every kind
    store = MinioStore(StoreSettings(**settings), ImageSettings(), connections=1)
    try:
        return store.read(ref)
    finally:
        store._client._http.clear()


@pytest.fixture
def photo(object_client: Minio, bucket: str) -> ImageRef:
    object_client.put_object(bucket, "photo.jpg", BytesIO(PHOTO), len(PHOTO))
    return ImageRef(bucket, "photo.jpg")


@pytest.fixture
def login(object_server: ObjectServer) -> dict[str, Any]:
    return {
        "access_key": object_server.access_key,
        "secret_key": SecretStr(object_server.secret_key),
        "secure": True,
    }


def test_a_private_authority_is_trusted_when_it_is_named(
    certificates: Certificates,
    object_server: ObjectServer,
    photo: ImageRef,
    login: dict[str, Any],
) -> None:
    with tls_in_front_of(object_server.port, certificates.server_context()) as port:
        assert read(photo, endpoint=f"127.0.0.1:{port}", ca=certificates.ca, **login) == PHOTO


@pytest.mark.parametrize(
    ("shown", "trusted", "words"),
    [
        ("server", "other", "unable to get local issuer certificate"),
        ("server", None, "unable to get local issuer certificate"),
        ("elsewhere", "ca", "not valid for '127.0.0.1'"),
    ],
)
def test_a_store_that_does_not_prove_itself_is_no_fault_of_the_job(  # noqa: PLR0913, PLR0917 - fixtures
    certificates: Certificates,
    object_server: ObjectServer,
    login: dict[str, Any],
    shown: str,
    trusted: str | None,
    words: str,
) -> None:
    ca = certificates.certificate(trusted) if trusted else None
    with (
        tls_in_front_of(object_server.port, certificates.server_context(shown)) as port,
        pytest.raises(SystemicError, match=words) as failure,
    ):
        read(ImageRef("images", "a.jpg"), endpoint=f"127.0.0.1:{port}", ca=ca, **login)

    assert "certificate is not accepted" in str(failure.value)
    assert "SOLOFACE_STORE__CA" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_file_of_authorities_that_cannot_be_used_keeps_the_worker_from_starting(
    certificates: Certificates, tmp_path: Path, login: dict[str, Any]
) -> None:
    for wrong in (tmp_path / "nothing", tmp_path, certificates.key("ca")):
        with pytest.raises(ConfigurationError, match="SOLOFACE_STORE__CA cannot be"):
            read(ImageRef("images", "a.jpg"), ca=wrong, **login)


@contextmanager
def answering(status: int, headers: dict[str, str], asked: list[str]) -> Iterator[str]:
    """A server that answers everything so, and notes what it was asked; yields host:port."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            request.send_header(name, value)
        request.end_headers()

    with served(answer) as address:
        yield address


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["application/xml", "text/html"])
def test_a_redirection_is_not_followed(status: int, kind: str) -> None:
    asked_there: list[str] = []
    asked_here: list[str] = []
    with answering(200, {}, asked_there) as there:
        headers = {"Location": f"http://{there}/metadata", "Content-Type": kind}
        with (
            answering(status, headers, asked_here) as here,
            pytest.raises(SystemicError, match="SOLOFACE_STORE__ENDPOINT") as failure,
        ):
            read(ImageRef("images", "a.jpg"), endpoint=here)

    assert asked_here[0] == "/images/a.jpg"
    assert asked_there == []
    assert there not in str(failure.value)


def test_a_redirection_within_the_store_is_not_followed_either() -> None:
    asked: list[str] = []
    with (
        answering(307, {"Location": "/images/b.jpg"}, asked) as here,
        pytest.raises(SystemicError),
    ):
        read(ImageRef("images", "a.jpg"), endpoint=here)

    assert asked[0] == "/images/a.jpg"
    assert "/images/b.jpg" not in asked
