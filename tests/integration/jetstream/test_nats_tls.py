"""Connecting to NATS: encrypted where that is asked for, and to nobody else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.jetstream.connection import connect
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import NatsSettings
from tests.fixtures.certificates import Certificates
from tests.fixtures.configured_nats import (
    ConfiguredServer,
    Serve,
    encryption,
    refusal,
)
from tests.patience import PATIENCE_S

NO_TLS = b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576}\r\n'
"""How a server begins that knows no TLS, or somebody in between who says so."""


def tls_lines(certificates: Certificates, name: str = "server", *more: str) -> str:
    paths = {
        "cert_file": certificates.certificate(name),
        "key_file": certificates.key(name),
        "ca_file": certificates.ca,
    }
    lines = [f"{key}: {json.dumps(str(path))}" for key, path in paths.items()]
    return "tls {\n" + "\n".join([*lines, *more]) + "\n}"


@pytest.mark.parametrize("scheme", ["tls", "nats"])
def test_a_private_authority_is_trusted_when_it_is_named(
    serve: Serve, certificates: Certificates, scheme: str
) -> None:
    url = f"{scheme}://{serve(tls_lines(certificates))}"

    assert encryption(url=url, tls_ca=certificates.ca) == "TLSv1.3"


@pytest.mark.parametrize("named", ["none", "another"])
def test_a_certificate_of_an_unknown_authority_is_refused(
    serve: Serve, certificates: Certificates, named: str
) -> None:
    url = f"tls://{serve(tls_lines(certificates))}"

    message = refusal(url=url, tls_ca=certificates.other_ca if named == "another" else None)

    assert "certificate is not accepted" in message
    assert "SOLOFACE_NATS__TLS_CA" in message


def test_a_certificate_for_another_name_is_refused(
    serve: Serve, certificates: Certificates
) -> None:
    url = f"tls://{serve(tls_lines(certificates, 'elsewhere'))}"

    assert "certificate is not valid for '127.0.0.1'" in refusal(url=url, tls_ca=certificates.ca)


def test_a_server_that_asks_for_our_certificate_gets_it(
    serve: Serve, certificates: Certificates
) -> None:
    url = f"tls://{serve(tls_lines(certificates, 'server', 'verify: true'))}"
    ours = {"tls_cert": certificates.certificate("client"), "tls_key": certificates.key("client")}

    assert encryption(url=url, tls_ca=certificates.ca, **ours) == "TLSv1.3"
    assert "SOLOFACE_NATS__TLS_CERT" in refusal(url=url, tls_ca=certificates.ca)


@pytest.mark.parametrize("asked_for_by", ["url", "authority"])
def test_nothing_is_said_in_the_clear_where_tls_is_asked_for(
    certificates: Certificates, asked_for_by: str
) -> None:
    heard = bytearray()

    async def overhear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A server, or somebody in between, that says it knows no TLS."""
        writer.write(NO_TLS)
        heard.extend(await reader.read())
        writer.close()

    async def attempt() -> str:
        async with await asyncio.start_server(overhear, "127.0.0.1", 0) as server:
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            changes: dict[str, Any] = {"url": f"tls://{address}"}
            if asked_for_by == "authority":
                changes = {"url": f"nats://{address}", "tls_ca": certificates.ca}
            settings = NatsSettings(user="me", password=SecretStr("s3cret"), **changes)
            with pytest.raises(ConfigurationError) as failure:
                await asyncio.wait_for(connect(settings), PATIENCE_S)
            return str(failure.value)

    assert "offers no TLS" in asyncio.run(attempt())
    assert heard == b""


def test_nothing_is_said_in_the_clear_at_a_reconnect_either(certificates: Certificates) -> None:
    heard = bytearray()
    tried = asyncio.Event()

    async def overhear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(NO_TLS)
        if data := await reader.read(1):
            heard.extend(data)
        writer.close()
        tried.set()

    async def reconnect(server: ConfiguredServer) -> None:
        settings = NatsSettings(url=f"tls://127.0.0.1:{server.port}", tls_ca=certificates.ca)
        connection = await connect(settings)
        server.stop()
        async with await asyncio.start_server(overhear, "127.0.0.1", server.port):
            await asyncio.wait_for(tried.wait(), PATIENCE_S)
        assert not connection.is_connected
        server.start()
        await connection.flush(PATIENCE_S)
        await connection.close()

    with ConfiguredServer(tls_lines(certificates)) as server:
        asyncio.run(reconnect(server))
    assert heard == b""


def test_tls_is_used_where_the_server_leaves_it_open(
    serve: Serve, certificates: Certificates
) -> None:
    url = f"tls://{serve(tls_lines(certificates) + chr(10) + 'allow_non_tls: true')}"

    assert encryption(url=url, tls_ca=certificates.ca) == "TLSv1.3"


def test_files_that_cannot_be_used_are_named_by_their_variables(
    certificates: Certificates, tmp_path: Path
) -> None:
    url = "tls://127.0.0.1:1"
    locked = tmp_path / "locked.key"
    key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    locked.write_text(key)
    ours = certificates.certificate("client")

    assert "SOLOFACE_NATS__TLS_CA cannot be read" in refusal(url=url, tls_ca=tmp_path / "none")
    assert "SOLOFACE_NATS__TLS_CA cannot be used" in refusal(url=url, tls_ca=certificates.key("ca"))
    for wrong in (certificates.key("server"), locked):
        message = refusal(url=url, tls_cert=ours, tls_key=wrong)
        assert "SOLOFACE_NATS__TLS_CERT and its key cannot be used" in message
