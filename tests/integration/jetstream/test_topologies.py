"""JetStream behind a leaf node, and on a cluster of three servers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from nats.js.api import StreamConfig, StreamInfo

from connectors.jetstream.examining import surroundings
from connectors.jetstream.provision import make_missing
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import NatsSettings
from tests.fixtures.configured_nats import ConfiguredServer, Serve
from tests.fixtures.source import Source
from tests.world import eventually, jetstream


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def leaf(serve: Serve, tmp_path: Path) -> str:
    """Address of a server without JetStream, in front of one whose domain is `hub`."""
    port = free_port()
    serve(
        f'jetstream {{ store_dir: "{tmp_path}", domain: hub }}\n'
        f'leafnodes {{ listen: "127.0.0.1:{port}" }}'
    )
    return serve(f'leafnodes {{ remotes: [ {{ url: "nats://127.0.0.1:{port}" }} ] }}')


def test_jobs_come_from_a_domain_behind_a_leaf_node(leaf: str) -> None:
    settings = NatsSettings(url=leaf, jetstream_domain="hub", inbox_prefix="answers.here")
    eventually(lambda: reaches(settings), "the leaf node is connected")
    source = Source(settings)
    try:
        source.publish([(b"NATS/1.0\r\nStatus: 404\r\n\r\n", b"a job"), (b"", b"another")])
        came = source.take(2)
    finally:
        source.close()

    assert [(each.payload, each.attempt) for each in came] == [(b"a job", 1), (b"another", 1)]
    consumer = asyncio.run(surroundings(settings)).consumer
    assert consumer
    assert (consumer.num_pending, consumer.num_ack_pending) == (0, 0)


def reaches(settings: NatsSettings) -> bool:
    try:
        asyncio.run(surroundings(settings))
    except ConfigurationError:
        return False
    return True


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """Addresses of three servers."""
    ports = [free_port() for _ in range(3)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    with ExitStack() as servers:
        urls = []
        for number, port in enumerate(ports):
            server = ConfiguredServer(
                f"server_name: n{number}\n"
                f'jetstream {{ store_dir: "{tmp_path / str(number)}" }}\n'
                f'cluster {{ name: three, listen: "127.0.0.1:{port}", routes: [ {routes} ] }}'
            )
            urls.append(servers.enter_context(server).url)
        yield ",".join(urls)


def test_a_stream_on_one_server_of_a_cluster_alone_is_a_warning(cluster: str) -> None:
    safe = NatsSettings(url=cluster, replicas=3)

    async def add() -> bool:
        try:
            async with jetstream(safe) as js:
                await js.add_stream(
                    StreamConfig(name=safe.dead_stream, subjects=[safe.dead_subject])
                )
        except Exception as error:  # noqa: BLE001 - of many kinds, until a leader is elected
            return "already in use" in str(error)
        return True

    eventually(lambda: asyncio.run(add()), "the cluster has a leader", 60)
    asyncio.run(make_missing(safe))
    found = asyncio.run(surroundings(safe))

    assert list(found.problems()) == []
    (warning,) = found.warnings()
    assert safe.dead_stream in warning
    assert "the cluster three" in warning
    assert {wanted.name: replicas(info) for wanted, info in found.streams} == {
        safe.stream: 3,
        safe.dead_stream: 1,
        safe.settled_stream: 3,
        safe.tags_stream: 3,
    }


def replicas(info: StreamInfo | None) -> int | None:
    return info.config.num_replicas if info else None


def test_replicas_on_a_single_server_are_refused_in_one_line(serve: Serve, tmp_path: Path) -> None:
    settings = NatsSettings(url=serve(f'jetstream {{ store_dir: "{tmp_path}" }}'), replicas=3)

    with pytest.raises(ConfigurationError) as refusal:
        asyncio.run(make_missing(settings))

    assert "replicas > 1 not supported" in str(refusal.value)
    assert "\n" not in str(refusal.value)
