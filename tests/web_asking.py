"""Requests to a web process as they are written, nothing added."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import orjson
import urllib3

from soloface.web.app import api
from tests.builders import photo, user
from tests.fixtures.web import Site
from tests.patience import PATIENCE_S


def ask(
    site: Site, method: str, path: str, body: bytes | None = None, **headers: str
) -> urllib3.BaseHTTPResponse:
    """One request as it is written, nothing added."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(
        method, site.url.rstrip("/") + path, body=body, headers=named, retries=False, redirect=False
    )


def bearer(site: Site, name: str) -> str:
    return f"Bearer {site.tokens[name]}"


def reason(answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = orjson.loads(answer.data)
    assert problem["status"] == answer.status
    return answer.status, problem["reason"]


def operations() -> list[tuple[str, str, str]]:
    """Every method and path of the API, and its part."""
    document = api().openapi()
    found = [
        (method.upper(), path, operation["tags"][0])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    assert len(found) >= 14
    return found


def filled(path: str) -> str:
    for name, value in {
        "photo_id": str(photo(1)),
        "user_id": str(user(1)),
        "face_index": "0",
        "sha256": "0" * 64,
        "decision_id": "1",
    }.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def talk(site: Site, request: bytes) -> bytes:
    """Say something as it is, and hear the answer to its end."""
    place = urlsplit(site.url)
    with socket.create_connection((place.hostname, place.port), PATIENCE_S) as connection:
        connection.settimeout(PATIENCE_S)
        connection.sendall(request)
        heard = b""
        while more := connection.recv(65536):
            heard += more
        return heard
