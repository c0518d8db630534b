"""Experiment 15: those who tell the changes of tags are killed, and both servers come and go."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from connectors.embedded import NatsServer, PostgresServer
from connectors.embedded.server import Server
from dataflow.settings import PREFIX
from tests.faults.lab import Lab, Scene, wait_for
from tests.faults.report import Row
from tests.feed import feed, feed_problems, told_so_far
from tests.places import REPOSITORY
from tests.tag_platform import Platform, furnish

NUMBER = 15
RELAYS = 2

_SOME = 50
"""Changes that are told between two troubles."""

_WAVE_S = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    kills: int
    restarts: int


SMALL = Size(kills=2, restarts=1)
FULL = Size(kills=50, restarts=10)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    yield _killed(lab, size.kills)
    yield _restarted(lab, size.restarts)


def _killed(lab: Lab, kills: int) -> Row:
    with lab.scene() as scene, ExitStack() as running:

        def start() -> subprocess.Popen[bytes]:
            return running.enter_context(_relay(scene.variables))

        relays = [start() for _ in range(RELAYS)]

        def kill(number: int) -> None:
            relays[number % RELAYS].kill()
            relays[number % RELAYS] = start()

        return _troubled(scene, f"{kills} kills of {RELAYS} relays", kills, kill)


def _restarted(lab: Lab, restarts: int) -> Row:
    with (
        NatsServer() as nats,
        PostgresServer() as postgres,
        lab.scene(nats=nats, postgres=postgres) as scene,
        ExitStack() as running,
    ):
        for _ in range(RELAYS):
            running.enter_context(_relay(scene.variables))
        servers: tuple[Server, Server] = (nats, postgres)

        def restart(number: int) -> None:
            """Each in turn, by SIGKILL and by its own way to stop."""
            server = servers[number % len(servers)]
            (server.kill if number // len(servers) % 2 else server.stop)()
            server.start()

        what = f"{restarts} restarts each of nats-server and PostgreSQL under {RELAYS} relays"
        return _troubled(scene, what, restarts * len(servers), restart)


def _troubled(scene: Scene, what: str, times: int, trouble: Callable[[int], None]) -> Row:
    """Change tags while something is broken again and again, and compare feed and table."""
    nats, database = scene.world.settings.nats, scene.world.settings.database
    dsn = database.dsn.get_secret_value()
    furnish(dsn, scene.world.pack.contract.dimension)
    platform = Platform(dsn)
    for number in range(times):
        told = told_so_far(nats)
        wait_for(lambda told=told: told_so_far(nats) > told + _SOME, "changes are told")  # type: ignore[misc]
        time.sleep(random.uniform(0, _WAVE_S))  # noqa: S311 - somewhere in a wave
        trouble(number)
    platform.end()
    problems = list(feed_problems(nats, database))
    changes = feed(nats)
    return Row(
        experiment=NUMBER,
        done=f"{what}, while tags change",
        jobs=0,
        lost=len(problems),
        doubled=len(changes) - len({change.seq for change in changes}),
        dead_expected=0,
        dead_found=0,
        measured=f"{len(changes):,} changes of tags told",
        problems=tuple(problems),
    )


@contextmanager
def _relay(variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that tells changes, until it is killed."""
    own = {PREFIX + name: value for name, value in variables.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.relay"],
        cwd=REPOSITORY,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert process.stdout.readline() == b"relays\n"
        yield process
    finally:
        process.kill()
        process.communicate()
