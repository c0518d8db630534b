"""The embedded servers: private, on the loopback only, durable, and gone when they should be."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import sys
import time
from pathlib import Path

import nats.errors
import psycopg
import pytest
from minio import Minio
from minio.error import S3Error
from nats.aio.client import Client
from urllib3 import PoolManager

from connectors.embedded import NatsServer, ObjectServer, PostgresServer, Server, Servers
from dataflow.jobs.errors import ConfigurationError

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def running(
    nats_server: NatsServer, postgres_server: PostgresServer, object_server: ObjectServer
) -> list[Server]:
    return [nats_server, postgres_server, object_server]


async def connect_to_nats(server: NatsServer, password: str | None) -> Client:
    async def quiet(_error: Exception) -> None: ...

    client = Client()
    user = server.user if password else None
    try:
        await client.connect(
            server.url, user=user, password=password, allow_reconnect=False, error_cb=quiet
        )
    except BaseException:
        await client.close()
        raise
    return client


def list_buckets(server: ObjectServer, access_key: str, secret_key: str) -> list[str]:
    pool = PoolManager(retries=False)
    client = Minio(
        server.endpoint,
        access_key=access_key,
        secret_key=secret_key,
        secure=False,
        region="us-east-1",
        http_client=pool,
    )
    try:
        return [bucket.name for bucket in client.list_buckets()]
    finally:
        pool.clear()


@pytest.mark.parametrize("password", ["wrong", None])
def test_nats_refuses_a_wrong_and_a_missing_password(
    nats_server: NatsServer, password: str | None
) -> None:
    with pytest.raises(nats.errors.Error, match="Authorization Violation"):
        asyncio.run(connect_to_nats(nats_server, password))


@pytest.mark.parametrize("login", ["soloface:wrong@", "soloface@", "postgres@"])
def test_postgresql_refuses_a_wrong_and_a_missing_password(
    postgres_server: PostgresServer, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://{login}127.0.0.1:{postgres_server.port}/soloface")


def test_the_store_refuses_a_wrong_secret_and_a_wrong_key(object_server: ObjectServer) -> None:
    with pytest.raises(S3Error) as wrong_secret:
        list_buckets(object_server, object_server.access_key, "wrong")
    with pytest.raises(S3Error) as wrong_key:
        list_buckets(object_server, "wrong", object_server.secret_key)

    assert wrong_secret.value.code == "SignatureDoesNotMatch"
    assert wrong_key.value.code == "InvalidAccessKeyId"


@LINUX_ONLY
def test_no_password_is_in_a_command_line(running: list[Server]) -> None:
    lines = b"".join(
        Path(f"/proc/{server.process_id}/cmdline").read_bytes() for server in running
    ).decode()

    nats_server, postgres_server, object_server = running
    assert isinstance(nats_server, NatsServer)
    assert isinstance(postgres_server, PostgresServer)
    assert isinstance(object_server, ObjectServer)
    for secret in (nats_server.password, postgres_server.password, object_server.secret_key):
        assert len(secret) >= 32
        assert secret not in lines


def test_a_given_password_may_have_any_characters() -> None:
    secret = '1e5 "two" $three/@:\'#%41ü'
    servers = [
        NatsServer(password=secret),
        PostgresServer(password=secret),
        ObjectServer(secret_key=secret),
    ]
    for server in servers:
        with server:
            assert server.process_id is not None


def test_a_secret_that_the_store_cannot_take_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="comma"):
        ObjectServer(secret_key="one,two")


def test_the_folders_are_private(running: list[Server]) -> None:
    assert [server.directory.stat().st_mode & 0o777 for server in running] == [0o700] * 3


def listening(process_id: int) -> set[str]:
    """Local addresses on which a process listens, from /proc, in the kernel's hexadecimal."""
    inodes = set()
    for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process_id}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1])
    return found


@LINUX_ONLY
def test_nothing_listens_beyond_the_loopback(running: list[Server]) -> None:
    for server in running:
        assert server.process_id is not None
        assert listening(server.process_id) == {f"0100007F:{server.port:04X}"}


def test_jetstream_is_on(nats_server: NatsServer) -> None:
    async def account() -> int:
        connection = await connect_to_nats(nats_server, nats_server.password)
        try:
            return (await connection.jetstream().account_info()).limits.max_storage
        finally:
            await connection.close()

    assert asyncio.run(account()) != 0


def test_pgvector_loads_and_measures(database_dsn: str) -> None:
    with psycopg.connect(database_dsn) as connection:
        connection.execute("create extension vector")
        row = connection.execute("select '[1,0]'::vector <=> '[0,1]'::vector").fetchone()

    assert row == (1.0,)


def test_each_test_has_a_database_of_its_own(database_dsn: str) -> None:
    with psycopg.connect(database_dsn) as connection:
        row = connection.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone()

    assert row == (0,)


def test_a_missing_key_and_a_missing_bucket_have_their_names(
    object_client: Minio, bucket: str
) -> None:
    with pytest.raises(S3Error) as missing_key:
        object_client.get_object(bucket, "nothing.jpg")
    with pytest.raises(S3Error) as missing_bucket:
        object_client.get_object("no-such-bucket", "nothing.jpg")

    assert missing_key.value.code == "NoSuchKey"
    assert missing_bucket.value.code == "NoSuchBucket"


def interrupt(server: Server, how: str) -> None:
    port = server.port
    getattr(server, how)()
    if how != "restart":
        assert server.process_id is None
        server.start()
    assert server.port == port


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_streams_survive(how: str) -> None:
    async def publish() -> None:
        connection = await connect_to_nats(server, server.password)
        jetstream = connection.jetstream()
        await jetstream.add_stream(name="S", subjects=["s"])
        await jetstream.publish("s", b"kept")
        await connection.close()

    async def read() -> bytes | None:
        connection = await connect_to_nats(server, server.password)
        try:
            return (await connection.jetstream().get_msg("S", 1)).data
        finally:
            await connection.close()

    with NatsServer() as server:
        asyncio.run(publish())
        interrupt(server, how)
        assert asyncio.run(read()) == b"kept"


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_rows_survive(how: str) -> None:
    with PostgresServer() as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("create table kept as select 7 as number")
        interrupt(server, how)
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("select number from kept").fetchone() == (7,)


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_objects_survive(how: str) -> None:
    with ObjectServer() as server:
        pool = PoolManager(retries=False)
        client = Minio(
            server.endpoint,
            access_key=server.access_key,
            secret_key=server.secret_key,
            secure=False,
            http_client=pool,
        )
        client.make_bucket("images")
        client.put_object("images", "a.jpg", io.BytesIO(b"kept"), 4)
        pool.clear()
        interrupt(server, how)
        response = client.get_object("images", "a.jpg")
        try:
            assert response.read() == b"kept"
        finally:
            response.close()
            response.release_conn()
            pool.clear()


@pytest.mark.parametrize("kind", [NatsServer, PostgresServer, ObjectServer])
def test_a_server_that_died_by_itself_can_be_started_again(kind: type[Server]) -> None:
    with kind() as server:
        assert server.process_id is not None
        os.kill(server.process_id, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while server.process_id is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert server.start().process_id is not None


def test_a_temporary_folder_is_removed_and_a_given_one_is_kept(open_folder: Path) -> None:
    with NatsServer() as temporary, NatsServer(open_folder) as kept:
        name = temporary.directory

    assert not name.exists()
    assert kept.directory.exists()


def test_the_stack_remembers_passwords_and_ports(open_folder: Path) -> None:
    with Servers(open_folder) as first:
        before = first.environment()
    with Servers(open_folder) as second:
        after = second.environment()

    assert after == before
    assert (open_folder / "servers.json").stat().st_mode & 0o777 == 0o600


def test_the_stack_takes_another_port_when_its_own_is_taken(open_folder: Path) -> None:
    with Servers(open_folder) as first:
        port = first.nats.port
    with socket.create_server(("127.0.0.1", port)), Servers(open_folder) as second:
        assert second.nats.port != port
