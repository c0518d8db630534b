"""A worker that cannot do its work does not start, and says why in one line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import closing
from typing import Any

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from dataflow.jobs.errors import ConfigurationError, SolofaceError, SystemicError
from dataflow.settings import PREFIX, load_settings
from soloface.cli.demo.people import ENROLLED
from soloface.worker import Worker
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.places import REPOSITORY
from tests.world import World, jetstream

NOWHERE = "127.0.0.1:1"


def refusal() -> SolofaceError:
    """What keeps a worker from starting with the present environment."""
    worker = Worker(load_settings(), threading.Event())
    with closing(worker._database), pytest.raises(SolofaceError) as failure:
        worker.check()
    assert "\n" not in str(failure.value)
    return failure.value


@pytest.mark.parametrize(
    ("variable", "value", "kind", "words"),
    [
        ("NATS__URL", f"nats://{NOWHERE}", SystemicError, ("NATS does not answer", "NATS__URL")),
        (
            "NATS__PASSWORD",
            "wrong",
            ConfigurationError,
            ("refuses the credentials", "SOLOFACE_NATS__"),
        ),
        (
            "DATABASE__DSN",
            f"postgresql://soloface:secret@{NOWHERE}/soloface",
            SystemicError,
            ("Connection refused",),
        ),
        ("MODEL__ROOT", "/nowhere", ConfigurationError, ("soloface models install open",)),
        ("MODEL__PACK", "/nowhere", ConfigurationError, ("MODEL__PACK", "no folder /nowhere")),
    ],
)
@pytest.mark.usefixtures("world")
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    kind: type[SolofaceError],
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)

    error = refusal()

    assert isinstance(error, kind)
    assert all(word in str(error) for word in words)
    assert "wrong" not in str(error)
    assert "secret" not in str(error)


def test_a_database_without_tables_leads_to_migrate(make_world: MakeWorld) -> None:
    make_world(migrated=False)

    assert "run: soloface migrate" in str(refusal())


def test_users_of_another_model_are_named_with_the_way_out(world: World) -> None:
    world.enrol(ENROLLED[0])
    with world.database() as connection:
        connection.execute("update users set face_embedding_model = 'buffalo_l-0123456789ab'")

    message = str(refusal())

    for word in (world.pack.contract.id, "buffalo_l-0123456789ab", "SOLOFACE_MODEL__PACK"):
        assert word in message


def consumer(world: World, **changes: object) -> ConsumerConfig:
    """A durable that somebody made before the worker."""
    nats = world.settings.nats
    config = ConsumerConfig(
        durable_name=nats.durable,
        filter_subject=nats.subject,
        ack_policy=AckPolicy.EXPLICIT,
        max_deliver=-1,
    )
    return config.evolve(**changes)


def add_consumer(world: World, config: ConsumerConfig) -> None:
    nats = world.settings.nats

    async def add() -> None:
        async with jetstream(nats) as js:
            await js.add_stream(name=nats.stream, subjects=[nats.subject])
            await js.add_consumer(nats.stream, config)

    asyncio.run(add())


def consumer_config(world: World) -> ConsumerConfig:
    nats = world.settings.nats

    async def look() -> ConsumerConfig:
        async with jetstream(nats) as js:
            config: ConsumerConfig = (await js.consumer_info(nats.stream, nats.durable)).config
            return config

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_deliver": 3}, "gives up after 3 deliveries"),
        ({"ack_policy": AckPolicy.ALL}, "ack policy is not explicit"),
        ({"deliver_subject": "push"}, "push consumer"),
    ],
)
def test_a_consumer_that_would_lose_jobs_is_refused_and_left_as_it_is(
    world: World, changes: dict[str, object], words: str
) -> None:
    add_consumer(world, consumer(world, **changes))

    message = str(refusal())

    assert words in message
    assert world.settings.nats.durable in message
    for name, value in changes.items():
        assert getattr(consumer_config(world), name) == value


def test_a_consumer_of_the_platform_that_fits_is_used(world: World) -> None:
    add_consumer(world, consumer(world, max_deliver=20, ack_wait=7))

    worker = Worker(load_settings(), threading.Event())
    with closing(worker._database):
        worker.check()

    assert consumer_config(world).ack_wait == 7


def test_nothing_is_made_where_provisioning_is_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}NATS__PROVISION", "false")

    message = str(refusal())

    assert world.settings.nats.stream in message
    assert "SOLOFACE_NATS__PROVISION" in message


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"NATS__PASWORD": "wrong"}, "SOLOFACE_NATS__PASWORD is not a setting"),
        ({"NATS__PASSWORD": "wrong"}, "NATS refuses the credentials"),
    ],
)
@pytest.mark.usefixtures("world")
def test_the_process_ends_with_one_line_and_exit_code_1(
    run_worker: RunWorker, log: Log, variables: dict[str, Any], words: str
) -> None:
    worker = run_worker(**variables)

    assert worker.ended() == 1
    (line,) = log.text.splitlines()
    assert line.startswith("soloface cannot start: ")
    assert words in line


OFFLINE = """
import os, sys

def watch(event, _arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork"):
        os.write(2, event.encode())
        os._exit(9)

sys.addaudithook(watch)
import dataflow
drivers = {"bytewax", "nats", "minio", "psycopg", "onnxruntime", "insightface", "cv2"}
print(sorted(drivers & sys.modules.keys()))
print(type(dataflow.flow()).__name__)
"""


def test_importing_loads_no_driver_and_drawing_the_flow_contacts_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        cwd=REPOSITORY,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.split("\n")[:2] == ["[]", "Dataflow"]
    assert done.returncode == 0
