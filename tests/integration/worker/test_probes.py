"""Metrics and probes over HTTP, alone and in a worker."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import orjson
import pytest

from connectors.embedded import NatsServer, ObjectServer, PostgresServer
from connectors.telemetry.probes import Probes, serve_probes
from dataflow.jobs.errors import ConfigurationError
from dataflow.process.health import Health
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.patience import PATIENCE_S
from tests.unit.repository.test_kubernetes import CONTAINER, PROBES
from tests.world import eventually


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def causes(self) -> dict[str, Any]:
        """The lines of a refusal by their names."""
        return {line["name"]: line for line in map(orjson.loads, self.body.splitlines())}


def ask(port: int, path: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def probes(health: Health) -> Iterator[Probes]:
    with Probes(0, health, live_s=60) as server:
        yield server
        server.shutdown()


def test_a_healthy_process_is_ready_and_alive(probes: Probes) -> None:
    for path in ("/livez", "/readyz", "/readyz?verbose"):
        assert ask(probes.server_port, path) == Answer(200, b"ok\n")


def test_every_cause_is_a_line_of_json(probes: Probes, health: Health) -> None:
    health.suffer("NATS", "disconnected")
    health.suffer("PostgreSQL", "the database system is\nshutting down")
    answer = ask(probes.server_port, "/readyz")
    assert answer.status == 503
    assert {name: line["error"] for name, line in answer.causes.items()} == {
        "NATS": "disconnected",
        "PostgreSQL": "the database system is\nshutting down",
    }
    assert ask(probes.server_port, "/livez").status == 200


def test_a_process_that_does_not_come_round_is_not_alive() -> None:
    health = Health()
    health.tick()
    with Probes(0, health, live_s=0) as server:
        answer = ask(server.server_port, "/livez")
        assert answer.status == 503
        assert "standstill" in answer.causes
        server.shutdown()


def test_metrics_are_where_they_were(probes: Probes) -> None:
    for path in ("/metrics", "/"):
        answer = ask(probes.server_port, path)
        assert answer.status == 200
        assert b"python_info" in answer.body


def test_nothing_else_is_served(probes: Probes) -> None:
    assert ask(probes.server_port, "/etc/passwd").status == 404


def test_whoever_says_nothing_holds_nobody_up(
    probes: Probes, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", probes.server_port)) as silent:
        assert ask(probes.server_port, "/livez").status == 200
        silent.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert silent.recv(99)
    assert capsys.readouterr().err == ""


def test_a_port_that_is_taken_is_a_clear_error(probes: Probes, health: Health) -> None:
    with pytest.raises(ConfigurationError, match=r"SOLOFACE_METRICS_PORT.*in use"):
        serve_probes(probes.server_port, health, 60)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


def test_to_kubernetes_a_worker_is_ready_while_its_dependencies_are_there_and_alive_all_the_time(
    make_world: MakeWorld, run_worker: RunWorker, log: Log, port: int
) -> None:
    def unready() -> set[str]:
        started, alive, ready = (ask(port, CONTAINER[name]["httpGet"]["path"]) for name in PROBES)
        assert started.status == alive.status == 200
        return set() if ready.status == 200 else set(ready.causes)

    with NatsServer() as nats, ObjectServer() as objects:
        world = make_world(nats=nats, objects=objects, METRICS_PORT=str(port))
        world.enrol(*ENROLLED)
        photo = world.photo(scaled(ENROLLED[0].portrait(), 0.7))
        worker = run_worker()
        log.wait_settled(world.publish(b"no job"))
        assert unready() == set()

        objects.stop()
        sequences = world.publish(photo.job())
        eventually(lambda: unready() == {"object store"}, "the store's absence is seen")
        nats.stop()
        eventually(lambda: unready() == {"object store", "NATS"}, "that of NATS as well")
        nats.start()
        objects.start()
        log.wait_settled(sequences)
        eventually(lambda: unready() == set(), "everything is back")
        worker.stop()


def test_an_idle_worker_is_not_ready_while_a_dependency_is_away(
    make_world: MakeWorld, run_worker: RunWorker, log: Log, port: int
) -> None:
    def unready() -> set[str]:
        ready = ask(port, "/readyz")
        causes = set(ready.causes) if ready.status != 200 else set()
        metrics = ask(port, "/metrics").body.decode()
        down = re.findall(r'^soloface_dependency_up\{dependency="(.*)"\} 0', metrics, re.MULTILINE)
        # Asked one after the other, so that one of them may have heard of it first.
        return causes & set(down)

    with NatsServer() as nats, ObjectServer() as objects, PostgresServer() as postgres:
        world = make_world(nats=nats, objects=objects, postgres=postgres, METRICS_PORT=str(port))
        worker = run_worker()
        log.wait_settled(world.publish(b"no job"))
        assert unready() == set()
        servers = {"NATS": nats, "object store": objects, "PostgreSQL": postgres}
        for name, server in servers.items():
            server.kill()
            eventually(lambda: unready() == {name}, f"the absence of {name} is seen")  # noqa: B023
            server.start()
            eventually(lambda: ask(port, "/readyz").status == 200, f"{name} is back")
        for server in servers.values():
            server.kill()
        eventually(lambda: unready() == set(servers), "all are away")
        for server in servers.values():
            server.start()
        eventually(lambda: ask(port, "/readyz").status == 200, "all are back")
        worker.stop()
    assert not log.events("job_sent_back")
