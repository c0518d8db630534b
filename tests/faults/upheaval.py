"""Experiment 14: users, words, photos and limits change at random, under workers that are killed.

Once all is settled the tags are what the bare facts say, and so does the feed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import psycopg
from pgvector.psycopg import register_vector

from tests.faults.lab import Lab, Scene, jobs_left, wait_for
from tests.faults.law.oracle import differences, facts_of, tags_by, tags_of
from tests.faults.law.platform import RandomPlatform
from tests.faults.report import Row
from tests.feed import feed_problems, told_so_far
from tests.world import World

NUMBER = 14
WORKERS = 2
START_S = 120
"""How long a worker may take to start."""

_IN_THE_START = 0.1
"""The share of deaths that come while the worker starts."""
_START_TAKES_S = 5.0
_MOST_JOBS = 40
"""That a worker settles before it dies."""
_PAUSE_S = 0.2
"""Between two changes: workers that are killed all the time settle few jobs a second."""
_MOST_WAITING = 20
"""Jobs, from which on the platform publishes nothing."""
_LIMITS: tuple[dict[str, str], ...] = (
    {},
    {"MATCH__MAX_DISTANCE": "0.3"},
    {"MATCH__MAX_DISTANCE": "0.6", "MATCH__MIN_MARGIN": "0.05"},
)


@dataclass(frozen=True, slots=True)
class Size:
    """So many changes, and as many more as there are until the last kill."""

    changes: int
    kills: int


SMALL = Size(changes=60, kills=2)
FULL = Size(changes=1000, kills=40)

SETTINGS = {"NATS__ACK_WAIT_S": "2", "NATS__MAX_DELIVER": "100", "WORKER__BATCH": "4"}


def run(lab: Lab, size: Size) -> Iterator[Row]:
    seed = random.randrange(2**32)  # noqa: S311 - not a secret
    with (
        lab.scene(SETTINGS) as scene,
        closing(RandomPlatform(scene.world, seed)) as platform,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        lives = [pool.submit(_live_and_be_killed, scene) for _ in range(size.kills)]
        while platform.done.total() < size.changes or not all(life.done() for life in lives):
            # A photo that waits for long is gone again before anybody looks at it.
            platform.act(publishes=jobs_left(scene) < _MOST_WAITING)
            time.sleep(_PAUSE_S)
        for life in lives:
            life.result()
        last = scene.start(1, **random.choice(_LIMITS))  # noqa: S311
        scene.wait_until_done()
        wait_for(lambda: _nothing_waits(scene.world), "all is matched again and told")
        problems = [*_wrong_tags(scene.world), *_wrong_feed(scene.world)]
        last.stop()
        told = told_so_far(scene.world.settings.nats)
    yield Row(
        experiment=NUMBER,
        done=f"{platform.done.total():,} changes of users, words, photos and limits at random, "
        f"{size.kills} kills of {WORKERS} workers",
        jobs=platform.jobs,
        lost=len(problems),
        doubled=0,
        dead_expected=0,
        dead_found=0,
        measured=f"{told:,} changes of tags told",
        problems=tuple(f"seed {seed}: {problem}" for problem in problems),
    )


def _live_and_be_killed(scene: Scene) -> None:
    """Start under some limits, and die after some jobs, at times before the first one."""
    worker = scene.start(1, **random.choice(_LIMITS))  # noqa: S311
    if random.random() < _IN_THE_START:  # noqa: S311
        time.sleep(random.uniform(0, _START_TAKES_S))  # noqa: S311
    else:
        wanted = random.uniform(0, _MOST_JOBS)  # noqa: S311
        wait_for(lambda: len(worker.log.settled) > wanted, "the worker works", START_S)
        time.sleep(random.uniform(0, 0.5))  # noqa: S311 - not in step with the settling
    worker.kill()


def _nothing_waits(world: World) -> bool:
    with world.database() as connection:
        row = connection.execute(
            "select exists (select from face_rematches) or exists (select from face_outbox) as w"
        ).fetchone()
    return row is not None and not row["w"]


def _wrong_tags(world: World) -> list[str]:
    with psycopg.connect(world.settings.database.dsn.get_secret_value()) as connection:
        register_vector(connection)
        model = world.pack.contract.id
        return differences("tags", tags_of(connection), tags_by(facts_of(connection, model)))


def _wrong_feed(world: World) -> Iterator[str]:
    yield from feed_problems(world.settings.nats, world.settings.database)
