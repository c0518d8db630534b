"""Saying to NATS who we are: by password, token, nkey or credentials file."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]
import pytest
from pydantic import SecretStr

from connectors.embedded import NatsServer
from tests.fixtures.configured_nats import Serve, encryption, refusal


def nkey(kind: int = nkeys.PREFIX_BYTE_USER) -> tuple[str, str]:
    """A new seed and its public key."""
    seed = nkeys.encode_seed(secrets.token_bytes(32), kind)
    return seed.decode(), nkeys.from_seed(bytearray(seed)).public_key.decode()


def test_an_nkey_logs_in_and_another_one_does_not(serve: Serve) -> None:
    seed, public = nkey()
    url = f"nats://{serve(f'authorization {{ users: [ {{ nkey: {public} }} ] }}')}"
    stranger, _ = nkey()

    assert encryption(url=url, nkey_seed=SecretStr(f"{seed}\n")) is None
    message = refusal(url=url, nkey_seed=SecretStr(stranger))
    assert message == "NATS refuses the credentials; see SOLOFACE_NATS__NKEY_SEED"


ACCOUNTS_SEED = nkeys.encode_seed(bytes(32), nkeys.PREFIX_BYTE_ACCOUNT).decode()


@pytest.mark.parametrize("seed", ["", "s3cret", "SUgarbage", "ß", ACCOUNTS_SEED])
def test_what_is_no_users_seed_is_refused_and_not_shown(seed: str) -> None:
    message = refusal(nkey_seed=SecretStr(seed))

    assert "SOLOFACE_NATS__NKEY_SEED" in message
    assert not seed or seed not in message


def token(claims: dict[str, Any], signer: str) -> str:
    """A JWT as NATS has them."""

    def part(content: bytes) -> str:
        return urlsafe_b64encode(content).rstrip(b"=").decode()

    head = part(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    body = f"{head}.{part(json.dumps(claims).encode())}"
    return f"{body}.{part(nkeys.from_seed(bytearray(signer, 'ascii')).sign(body.encode()))}"


def claims(issuer: str, subject: str, kind: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "jti": secrets.token_hex(8),
        "iat": 1,
        "iss": issuer,
        "sub": subject,
        "name": kind,
        "nats": {"type": kind, "version": 2, **more},
    }


@pytest.fixture
def accounts(tmp_path: Path) -> tuple[str, Path]:
    """A server's configuration with one account, and a credentials file of a user in it."""
    operator_seed, operator = nkey(nkeys.PREFIX_BYTE_OPERATOR)
    account_seed, account = nkey(nkeys.PREFIX_BYTE_ACCOUNT)
    user_seed, user = nkey()
    unlimited = dict.fromkeys(("subs", "conn", "leaf", "imports", "exports", "data", "payload"), -1)
    trusted = token(claims(operator, operator, "operator"), operator_seed)
    known = token(
        claims(operator, account, "account", limits={**unlimited, "wildcards": True}), operator_seed
    )
    ours = token(
        claims(account, user, "user", subs=-1, data=-1, payload=-1),
        account_seed,
    )
    file = tmp_path / "user.creds"
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{ours}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user_seed}\n------END USER NKEY SEED------\n"
    )
    lines = f"operator: {trusted}\nresolver: MEMORY\nresolver_preload: {{ {account}: {known} }}"
    return lines, file


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_credentials_file_logs_in(
    serve: Serve, accounts: tuple[str, Path], line_end: str
) -> None:
    lines, file = accounts
    file.write_text(file.read_text(), newline=line_end)
    url = f"nats://{serve(lines)}"

    assert encryption(url=url, credentials=file) is None
    assert "SOLOFACE_NATS__USER" in refusal(url=url)


@pytest.mark.parametrize(
    "content",
    ["", "-----BEGIN NATS USER JWT-----", "-----BEGIN NATS USER JWT-----\neyJ\n", "ß\n", "s3cret"],
)
def test_what_is_no_credentials_file_is_refused_and_not_shown(content: str, tmp_path: Path) -> None:
    file = tmp_path / "user.creds"
    file.write_text(content)

    message = refusal(credentials=file)

    assert "SOLOFACE_NATS__CREDENTIALS is no credentials file" in message
    assert "s3cret" not in message


def test_a_credentials_file_that_is_not_there_is_named_by_its_variable(tmp_path: Path) -> None:
    assert "SOLOFACE_NATS__CREDENTIALS cannot be read" in refusal(credentials=tmp_path / "none")


def test_a_refused_password_or_token_is_named_by_its_variable(nats_server: NatsServer) -> None:
    wrong = SecretStr("s3cret")

    by_password = refusal(url=nats_server.url, user=nats_server.user, password=wrong)
    by_token = refusal(url=nats_server.url, token=wrong)
    in_url = refusal(url=f"nats://me:s3cret@127.0.0.1:{nats_server.port}")

    assert "SOLOFACE_NATS__USER" in by_password
    assert "SOLOFACE_NATS__TOKEN" in by_token
    assert "SOLOFACE_NATS__URL" in in_url
    assert "s3cret" not in by_password + by_token + in_url
