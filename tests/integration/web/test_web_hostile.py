"""What other sites, hostile references and floods of any kind get: nothing."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from dataflow.faces.face import BgrImage, Face
from soloface.client import ApiError
from soloface.web.gate.guard import SMALL_BODY
from tests.builders import FakePack, photo, picture, user
from tests.fixtures.web import MakeSite, Site
from tests.patience import PATIENCE_S
from tests.pictures import jpeg_claiming
from tests.web_asking import ask, bearer, filled, reason, talk


def test_another_site_cannot_have_a_browser_decide_in_somebodys_name(
    make_site: MakeSite,
) -> None:
    site = make_site(tokens=None)
    site.record(1)
    path = f"/v1/photos/{photo(1)}/decision"
    own = site.url.rstrip("/")
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": own, "Sec-Fetch-Site": "cross-site"},
    ):
        answer = ask(
            site, "POST", path, b'{"decision":"nobody"}', Content_Type="text/plain", **headers
        )
        assert reason(answer) == (403, "foreign_site"), headers
    assert site.records.run("select * from face_match_decisions") == []

    answer = ask(
        site,
        "POST",
        path,
        b'{"decision":"nobody"}',
        Content_Type="application/json",
        Origin=own,
        Sec_Fetch_Site="same-origin",
    )
    assert answer.status == 200


def test_a_foreign_name_for_this_machine_leads_nowhere(make_site: MakeSite) -> None:
    site = make_site(tokens=None)
    port = urlsplit(site.url).port
    for host in (f"evil.example:{port}", "evil.example", "", "[", "127.0.0.1.evil.example"):
        assert reason(ask(site, "GET", "/v1/review", Host=host)) == (421, "wrong_host")
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "LOCALHOST", "[::1]:99"):
        assert ask(site, "GET", "/v1/review", Host=host).status == 200


def test_faces_are_kept_by_no_cache_and_shown_by_no_other_site(site: Site) -> None:
    site.record(1)
    for path in (f"/v1/photos/{photo(1)}/image", "/v1/review", "/v1/nothing", "/v1/openapi.json"):
        headers = ask(site, "GET", path, Authorization=bearer(site, "rita")).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Server" not in headers


@pytest.mark.parametrize(
    "ref",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "minio://secrets/key",
        "a/../../b",
        "upload/../x",
    ],
)
def test_a_reference_leads_nowhere_but_into_the_allowed_buckets(site: Site, ref: str) -> None:
    answer = ask(
        site,
        "PUT",
        filled("/v1/users/{user_id}/face"),
        orjson.dumps({"image_refs": [ref]}),
        Content_Type="application/json",
        Authorization=bearer(site, "enno"),
    )
    status, said = reason(answer)
    # `upload/../x` and the like are refused as well: no key of an object holds such parts.
    assert (status, said) == (422, "invalid_image_ref")

    # Nor does one that stands in the database already.
    site.record(1)
    site.records.run("update photo_faces set image_ref = %s", ref)
    answer = ask(site, "GET", f"/v1/photos/{photo(1)}/image", Authorization=bearer(site, "rita"))
    assert reason(answer) == (422, "invalid_image_ref")


def test_a_file_of_the_machine_that_enrolled_is_never_shown(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture())
    site.records.add_user(1, 0)
    site.records.run(
        "insert into face_enrolments (user_id, model, photos, fingerprint) "
        "values (%s, 'm', 1, 'f')",
        user(1),
    )
    site.records.run(
        "insert into face_enrolment_photos (user_id, sha256, ref) values (%s, %s, %s)",
        user(1),
        "a" * 64,
        str(secret),
    )
    path = f"/v1/users/{user(1)}/enrolment/{'a' * 64}/image"
    answer = ask(site, "GET", path, Authorization=bearer(site, "rita"))
    assert reason(answer) == (404, "image_not_found")


def test_a_picture_of_a_hundred_megapixels_is_refused_unseen(site: Site) -> None:
    answer = ask(
        site,
        "POST",
        "/v1/find",
        jpeg_claiming(20_000, 20_000),
        Content_Type="image/jpeg",
        Authorization=bearer(site, "fiona"),
    )
    assert reason(answer) == (413, "image_too_large")


def test_a_body_that_is_too_large_is_not_read(site: Site) -> None:
    path = f"/v1/photos/{photo(1)}/decision"
    for headers in (
        {"Content-Length": str(SMALL_BODY + 1)},
        {"Transfer-Encoding": "chunked"},
    ):
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer(site, 'rita')}\r\n"
            f"Content-Type: application/json\r\nConnection: close\r\n{lines}\r\n"
        )
        chunks = b"FFFF\r\n" + b" " * 0xFFFF + b"\r\n2\r\n  \r\n"
        heard = talk(site, head.encode() + (b"" if "Content-Length" in headers else chunks))
        assert heard.startswith(b"HTTP/1.1 413"), heard[:200]
        assert b"body_too_large" in heard


def test_a_body_that_does_not_come_is_given_up(make_site: MakeSite) -> None:
    site = make_site(body_timeout_s=0.3)
    heard = talk(
        site,
        f"POST /v1/find HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer(site, 'fiona')}\r\n"
        "Content-Type: image/png\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nabc".encode(),
    )
    assert heard.startswith(b"HTTP/1.1 408")
    # And a head that does not come: the connection ends without a word.
    assert talk(site, b"GET / HTTP/1.1\r\nHost: x\r\nX: ") == b""
    assert talk(site, b"") == b""


def test_a_thousand_silent_connections_keep_nobody_out(make_site: MakeSite) -> None:
    site = make_site(connections=64)
    place = urlsplit(site.url)
    with ExitStack() as open_ones:
        for _ in range(1000):
            silent = socket.create_connection((place.hostname, place.port), PATIENCE_S)
            open_ones.enter_context(silent)
        assert site.client("rita").review().cards == []


def test_whoever_asks_too_often_waits_and_others_do_not(make_site: MakeSite) -> None:
    site = make_site(requests_per_minute=3)
    rita, rolf = bearer(site, "rita"), bearer(site, "rolf")
    answers = [ask(site, "GET", "/v1/decisions", Authorization=rita) for _ in range(4)]
    assert [answer.status for answer in answers[:3]] == [200] * 3
    assert reason(answers[3]) == (429, "too_many_requests")
    assert int(answers[3].headers["Retry-After"]) >= 1
    assert ask(site, "GET", "/v1/decisions", Authorization=rolf).status == 200
    # Who guesses tokens is counted by the address.
    guesses = [ask(site, "GET", "/v1/review", Authorization=f"Bearer {n}") for n in range(4)]
    assert [answer.status for answer in guesses] == [401, 401, 401, 429]


def test_more_faces_than_may_wait_are_refused_at_once(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(finders=1, waiting=0)
    began, go_on = threading.Event(), threading.Event()

    def slowly(self: FakePack, image: BgrImage) -> list[Face]:
        began.set()
        assert go_on.wait(PATIENCE_S)
        return at_once(self, image)

    at_once = FakePack.detect
    monkeypatch.setattr(FakePack, "detect", slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(site.client("fiona").find, picture())
        assert began.wait(PATIENCE_S)
        try:
            with pytest.raises(ApiError) as error:
                site.client("fiona").find(picture())
        finally:
            go_on.set()
        assert first.result(PATIENCE_S).reason == "no_enrolled_users"
    assert (error.value.status, error.value.reason) == (429, "busy")
