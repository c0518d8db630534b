"""Settings that say who we are, whom we trust, and what a reference may name."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from dataflow.settings import PREFIX, load_settings
from tests.fixtures.environment import Environment, refused

LOGINS = {
    "NATS__USER": "me",
    "NATS__TOKEN": "s3cret",
    "NATS__NKEY_SEED": "s3cret",
    "NATS__CREDENTIALS": "/run/secrets/creds",
    "NATS__URL": "nats://me:s3cret@nats",
}


@pytest.mark.parametrize(("one", "other"), list(combinations(LOGINS, 2)))
def test_two_ways_to_log_in_are_refused_by_both_names(
    one: str, other: str, environment: Environment
) -> None:
    password = {"NATS__PASSWORD": "s3cret"} if "NATS__USER" in (one, other) else {}
    environment(**{one: LOGINS[one], other: LOGINS[other]}, **password)
    message = refused()
    assert f"{PREFIX}{one} and {PREFIX}{other} are" in message
    assert "s3cret" not in message


def test_one_way_to_log_in_is_known_by_its_variable(environment: Environment) -> None:
    environment(NATS__NKEY_SEED="s3cret")
    assert load_settings().nats.logins == ["SOLOFACE_NATS__NKEY_SEED"]


@pytest.mark.parametrize(
    ("variables", "encrypted"),
    [
        ({}, False),
        ({"NATS__URL": "tls://nats"}, True),
        ({"NATS__URL": "nats://one, tls://two"}, True),
        ({"NATS__TLS_CA": "/ca.pem"}, True),
        ({"NATS__TLS_CERT": "/me.pem", "NATS__TLS_KEY": "/me.key"}, True),
    ],
)
def test_tls_is_insisted_on_by_the_url_or_by_any_of_its_files(
    variables: dict[str, str],
    encrypted: bool,  # noqa: FBT001 - what the test expects
    environment: Environment,
) -> None:
    environment(**variables)
    assert load_settings().nats.tls is encrypted


@pytest.mark.parametrize("url", ["ws://nats", "wss://nats", "nats://one,http://two", "TLS://nats"])
def test_an_unknown_kind_of_server_is_refused_by_the_variables_name(
    url: str, environment: Environment
) -> None:
    environment(NATS__URL=url)
    assert "SOLOFACE_NATS__URL takes nats:// and tls:// only" in refused()


@pytest.mark.parametrize(
    "variable", ["NATS__TLS_CA", "NATS__TLS_KEY", "NATS__CREDENTIALS", "STORE__CA"]
)
def test_a_files_content_in_place_of_its_path_is_refused_and_not_shown(
    variable: str, environment: Environment, tmp_path: Path
) -> None:
    pem = tmp_path / "key.pem"
    pem.write_text("-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n")
    environment(**{f"{variable}_FILE": str(pem)})
    message = refused()
    assert f"{PREFIX}{variable}: " in message
    assert "without _FILE" in message
    assert "s3cret" not in message


def test_an_authority_for_connections_without_tls_is_refused(environment: Environment) -> None:
    environment(STORE__CA="/ca.pem")
    assert "SOLOFACE_STORE__SECURE" in refused()


@pytest.mark.parametrize("prefix", ["/photos", "\\photos"])
def test_a_prefix_that_no_key_can_have_is_refused(prefix: str, environment: Environment) -> None:
    environment(STORE__PREFIXES=f"photos/,{prefix}")
    assert "SOLOFACE_STORE__PREFIXES" in refused()


@pytest.mark.parametrize(
    "url",
    ["", ",", "nats://", "me:s3cret@:4222", "nats://a:99999", "nats://a:b", "nats://[::1", "a:0"],
)
def test_an_address_without_host_or_port_is_refused_and_not_shown(
    url: str, environment: Environment
) -> None:
    environment(NATS__URL=url)
    message = refused()
    assert "SOLOFACE_NATS__URL is not nats://HOST:PORT" in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    ("variables", "prefix"),
    [
        ({}, "$JS.API"),
        ({"NATS__JETSTREAM_DOMAIN": "hub"}, "$JS.hub.API"),
        ({"NATS__API_PREFIX": "imported.js"}, "imported.js"),
    ],
)
def test_jetstream_is_where_the_settings_say(
    variables: dict[str, str], prefix: str, environment: Environment
) -> None:
    environment(**variables)
    assert load_settings().nats.jetstream_prefix == prefix


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"NATS__JETSTREAM_DOMAIN": "hub", "NATS__API_PREFIX": "x"}, "keep one"),
        ({"NATS__JETSTREAM_DOMAIN": "a.b"}, "SOLOFACE_NATS__JETSTREAM_DOMAIN"),
        ({"NATS__API_PREFIX": "$JS.API.>"}, "SOLOFACE_NATS__API_PREFIX"),
        ({"NATS__INBOX_PREFIX": "_INBOX."}, "SOLOFACE_NATS__INBOX_PREFIX"),
        ({"NATS__INBOX_PREFIX": ""}, "SOLOFACE_NATS__INBOX_PREFIX"),
        ({"NATS__REPLICAS": "0"}, "SOLOFACE_NATS__REPLICAS"),
        ({"NATS__STREAM": "a.b"}, "SOLOFACE_NATS__STREAM"),
        ({"NATS__DURABLE": "a b"}, "SOLOFACE_NATS__DURABLE"),
    ],
)
def test_what_no_server_would_take_is_refused(
    variables: dict[str, str], word: str, environment: Environment
) -> None:
    environment(**variables)
    assert word in refused()
