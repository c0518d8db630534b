"""What strangers and those with the wrong token get: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings, WebSettings
from soloface.client import ApiError
from soloface.web.app import build
from soloface.web.work.desk import Desk
from tests.builders import FakePack
from tests.fixtures.web import PEOPLE, MakeSite, Site
from tests.web_asking import ask, bearer, filled, operations, reason, talk

ROLE_OF = {
    "find": "fiona",
    "users": "enno",
    "photos": "rita",
    "review": "rita",
    "images": "rita",
    "groups": "ruth",
}


def test_a_stranger_gets_nothing_at_all(site: Site) -> None:
    site.record(1)
    for method, path, _ in operations():
        for headers in (
            {},
            {"Authorization": "Bearer sf_guess"},
            {"Authorization": "Basic cml0YTpyaXRh"},
            {"Cookie": "soloface=cml0YQ==.99999999999.x.y"},
            {"X-Forwarded-User": "rita"},
        ):
            answer = ask(site, method, filled(path), None, **headers)
            assert reason(answer) == (401, "not_signed_in"), (method, path, headers)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_opens_what_its_roles_allow_and_nothing_else(site: Site) -> None:
    for method, path, part in operations():
        reading = path.endswith("/photos") and part == "users"
        allowed = "rita" if reading else ROLE_OF[part]
        for name in PEOPLE:
            answer = ask(site, method, filled(path), Authorization=bearer(site, name))
            if PEOPLE[allowed] <= PEOPLE[name]:
                assert answer.status not in {401, 403}, (method, path, name)
            elif answer.status != 422:  # a body that cannot be read is refused before
                assert reason(answer) == (403, "not_allowed"), (method, path, name)


def test_a_token_that_is_taken_out_of_the_file_is_worth_nothing_at_once(site: Site) -> None:
    path = site.settings.web.tokens
    assert path
    rita = site.client("rita")
    rita.review()
    lines = path.read_text().splitlines(keepends=True)

    path.write_text("".join(line for line in lines if not line.startswith("rita")))

    with pytest.raises(ApiError) as error:
        rita.review()
    assert error.value.status == 401
    site.client("rolf").review()
    path.unlink()
    with pytest.raises(ApiError):
        site.client("rolf").review()


def test_the_file_of_tokens_lets_nobody_in(site: Site) -> None:
    path = site.settings.web.tokens
    assert path
    text = path.read_text()
    assert not any(token in text for token in site.tokens.values())
    for line in text.splitlines()[1:]:
        answer = ask(site, "GET", "/v1/review", Authorization=f"Bearer {line.rpartition(':')[2]}")
        assert answer.status == 401


@pytest.mark.parametrize(
    ("web", "works"),
    [
        ({"host": "0.0.0.0"}, False),  # noqa: S104 - that is the point
        ({"host": "::"}, False),
        ({"host": "example.org"}, False),
        ({"host": "localhost"}, True),
        ({"host": "127.3.2.1"}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0", "user_header": "X-User"}, True),  # noqa: S104
    ],
)
def test_where_strangers_can_reach_it_it_does_not_start_without_a_login(
    web: dict[str, str],
    works: bool,  # noqa: FBT001 - a case
) -> None:
    desk = Desk(Settings(web=WebSettings.model_validate(web)), pack=FakePack())
    try:
        if works:
            build(desk)
        else:
            with pytest.raises(ConfigurationError, match="SOLOFACE_WEB__TOKENS"):
                build(desk)
    finally:
        desk.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no token"),
        ("olga:reviewer:abc", "line 1"),
        ("# mine\nolga:king:" + "0" * 64, "king is no role"),
        ("olga::" + "0" * 64, "an empty word is no role"),
        (f"olga:finder:{'0' * 64}\nolga:finder:{'1' * 64}", "olga stands there twice"),
    ],
)
def test_a_file_of_tokens_that_is_wrong_is_one_line_and_shows_none(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    desk = Desk(Settings(web=WebSettings(tokens=path)), pack=FakePack())
    try:
        with pytest.raises(ConfigurationError, match=said) as error:
            build(desk)
    finally:
        desk.close()
    assert "\n" not in str(error.value)
    assert "0000" not in str(error.value)


def test_a_proxys_word_counts_from_the_proxy_alone(make_site: MakeSite) -> None:
    trusted = make_site(tokens=None, user_header="X-Forwarded-User")
    answer = ask(trusted, "GET", "/v1/review", X_Forwarded_User="rita")
    assert answer.status == 200
    assert (
        ask(trusted, "PUT", filled("/v1/users/{user_id}/face"), X_Forwarded_User="rita").status
        == 403
    )
    assert reason(ask(trusted, "GET", "/v1/review"))[0] == 401
    for name in ("", " ", "x" * 65, "a\tb"):
        assert ask(trusted, "GET", "/v1/review", X_Forwarded_User=name).status == 401

    elsewhere = make_site(tokens=None, user_header="X-Forwarded-User", proxies=("10.0.0.0/8",))
    answer = ask(elsewhere, "GET", "/v1/review", X_Forwarded_User="rita")
    assert reason(answer) == (401, "not_signed_in")


def test_a_name_that_is_sent_twice_is_nobodys(make_site: MakeSite) -> None:
    site = make_site(tokens=None, user_header="X-Forwarded-User")
    text = talk(
        site,
        b"GET /v1/review HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"X-Forwarded-User: rita\r\nX-Forwarded-User: rolf\r\n\r\n",
    )
    assert text.startswith(b"HTTP/1.1 401")
