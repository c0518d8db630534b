"""A worker that cannot do its work does not start, and says why in one line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from nats.js.api import AckPolicy, ConsumerConfig
from structlog.testing import capture_logs

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.faces.packs.loading import far_table_of
from dataflow.gallery.limit import FollowingLimit
from dataflow.jobs.errors import ConfigurationError, SolofaceError, SystemicError
from dataflow.process.version import VERSION
from dataflow.settings import PREFIX, load_settings
from soloface.cli.demo.people import ENROLLED
from soloface.introduction import address
from soloface.limits import following_limit
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


INTRODUCTION = (
    "worker_starts",
    "no_distance_limit",
    "limits_changed",
    "limit_follows_gallery",
    "limit_is_the_fixed_one",
    "max_fpir_not_kept",
)


def started(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[MutableMapping[str, Any]]:
    """What a worker says when it starts with these settings."""
    for name, value in variables.items():
        monkeypatch.setenv(PREFIX + name, value)
    worker = Worker(load_settings(), threading.Event())
    with closing(worker._database), capture_logs() as logs:
        worker.check()
    # Threads of an earlier test's worker may still have their last word.
    return [line for line in logs if line["event"] in INTRODUCTION]


def test_a_worker_says_what_it_is_what_it_matches_by_and_where_it_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = started(monkeypatch, MATCH__MAX_DISTANCE="0.5", MATCH__MIN_MARGIN="0.02")

    settings = world.settings
    database = urlsplit(settings.database.dsn.get_secret_value())
    assert line == {
        "event": "worker_starts",
        "log_level": "info",
        "version": VERSION,
        "pack": "open",
        "model": world.pack.contract.id,
        "threshold": world.pack.threshold,
        "max_distance": 0.5,
        "min_margin": 0.02,
        "max_fpir": None,
        "quality": "off",
        "nats": [urlsplit(settings.nats.url).netloc],
        "stream": settings.nats.stream,
        "durable": settings.nats.durable,
        "store": settings.store.endpoint,
        "postgres": f"{database.hostname}:{database.port}",
    }


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nats://127.0.0.1:4222", "127.0.0.1:4222"),
        ("tls://user:p@ss@nats.example", "nats.example"),
        ("token@nats:4222/?x=secret", "nats:4222"),
        ("https://s3.example:9000", "s3.example:9000"),
        ("[::1]:4222", "[::1]:4222"),
    ],
)
def test_of_a_server_only_host_and_port_are_said(url: str, said: str) -> None:
    assert address(url) == said


@pytest.mark.usefixtures("world")
def test_a_worker_without_a_limit_warns_once_and_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, warning = started(monkeypatch)

    assert (warning["event"], warning["log_level"]) == ("no_distance_limit", "warning")
    assert "SOLOFACE_MATCH__MAX_DISTANCE=0.55" in warning["detail"]


@pytest.mark.usefixtures("world")
def test_a_worker_with_other_limits_than_the_last_one_says_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        assert len(started(monkeypatch, MATCH__MAX_DISTANCE="0.5")) == 1

    _, warning = started(monkeypatch, MATCH__MAX_DISTANCE="0.6")

    assert (warning["event"], warning["log_level"]) == ("limits_changed", "warning")
    unset = {"threshold": 0.55, "min_margin": None, "max_fpir": None}
    assert warning["before"] == {**unset, "max_distance": 0.5}
    assert warning["now"] == {**unset, "max_distance": 0.6}


def test_a_worker_says_what_share_of_strangers_comes_to_for_so_many_users(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, follows = started(monkeypatch, MATCH__MAX_FPIR="0.05")

    assert (starts["max_fpir"], starts["max_distance"]) == (0.05, None)
    assert (follows["event"], follows["max_fpir"]) == ("limit_follows_gallery", 0.05)
    with closing(Database(world.settings.database)) as database:
        noted = Limits(database).of(world.pack.contract.id)
    assert noted
    assert noted.policy.max_distance == follows["max_distance"]
    table = far_table_of(load_settings().model)
    assert table
    assert noted.follows == FollowingLimit.by(table, 0.05)

    both = started(monkeypatch, MATCH__MAX_DISTANCE="0.1")
    assert [line["event"] for line in both if line["event"] not in INTRODUCTION[:3]] == [
        "limit_follows_gallery",
        "limit_is_the_fixed_one",
    ]


@pytest.mark.usefixtures("world")
def test_a_worker_says_when_the_packs_figures_do_not_reach_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    *_, warning = started(monkeypatch, MATCH__MAX_FPIR="0.0000001")

    assert (warning["event"], warning["log_level"]) == ("max_fpir_not_kept", "warning")
    assert "SOLOFACE_MATCH__MIN_MARGIN" in warning["detail"]


def test_a_pack_without_figures_refuses_to_follow_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_FPIR", "0.01")
    monkeypatch.setenv(f"{PREFIX}MODEL__PACK", str(tmp_path))

    with pytest.raises(ConfigurationError) as refused:
        following_limit(load_settings())

    message = str(refused.value)
    assert message.startswith("SOLOFACE_MATCH__MAX_FPIR: no figures come with the pack")
    assert "soloface calibrate" in message
    assert "SOLOFACE_MATCH__MAX_DISTANCE" in message
    assert "\n" not in message


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
