"""Cookies of people who are signed in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.settings import WebSettings
from soloface.web.gate.identity import Role, Way
from soloface.web.gate.sessions import Sessions
from soloface.web.gate.tokens import Tokens, new_token


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"{new_token('olga', {Role.REVIEWER})[1]}\n")
    return path


def test_a_cookie_ends_with_its_time_and_with_its_token(file: Path) -> None:
    tokens, clock = Tokens(file), Clock()
    sessions = Sessions(WebSettings(session_hours=1), tokens, clock)
    olga = tokens.named("olga")
    assert olga
    cookie = sessions.start(olga)

    identity = sessions.read(cookie)
    assert identity
    assert (identity.name, identity.roles, identity.way) == (
        "olga",
        frozenset({Role.REVIEWER}),
        Way.SESSION,
    )
    clock.now += 3599
    assert sessions.read(cookie)
    clock.now += 2
    assert sessions.read(cookie) is None

    clock.now -= 3601
    file.write_text(f"# a new one\n{new_token('olga', {Role.REVIEWER})[1]}\n")
    assert sessions.read(cookie) is None


def test_a_cookie_is_worth_nothing_to_a_process_with_another_key(file: Path) -> None:
    tokens = Tokens(file)
    olga = tokens.named("olga")
    assert olga
    one, two = (Sessions(WebSettings(), tokens) for _ in range(2))
    assert two.read(one.start(olga)) is None

    key = WebSettings.model_validate({"session_key": "k" * 32})
    one, two = (Sessions(key, tokens) for _ in range(2))
    identity = two.read(one.start(olga))
    assert identity
    assert one.proof(identity) == two.proof(identity)


@given(st.data())
def test_a_changed_cookie_is_nobodys(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("t") / "tokens"
    path.write_text(f"{new_token('olga', {Role.REVIEWER})[1]}\n")
    tokens = Tokens(path)
    olga = tokens.named("olga")
    assert olga
    sessions = Sessions(WebSettings(), tokens)
    cookie = sessions.start(olga)
    place = data.draw(st.integers(0, len(cookie) - 1))
    letter = data.draw(st.characters(max_codepoint=300))
    changed = cookie[:place] + letter + cookie[place + 1 :]

    assert (sessions.read(changed) is None) == (changed != cookie)
    assert sessions.read(data.draw(st.text(max_size=80))) is None
