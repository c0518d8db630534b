"""One pass in a process of its own, so that its memory and processor time are nobody else's."""

from __future__ import annotations

import resource
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import psycopg

from benchmarks.gallery.line import cpu_s as used_s
from benchmarks.rematch.platform import POLICY, Platform, enrol
from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.rematching import Rematching
from dataflow.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class Pass:
    """What it came to: seconds, of the clock and of processors, memory, photos and gained tags."""

    users: int
    faces: int
    dimension: int
    newcomers: int
    wall_s: float
    cpu_s: float
    database_s: float
    rss_mb: float
    photos: int
    gained: int


_rematching: Rematching
"""Of the child."""


def measured(
    settings: DatabaseSettings, running: PostgresServer, platform: Platform, times: int = 1
) -> list[Pass]:
    """Enrol the newcomers, ``times`` over in equal parts, and match again after each part."""
    process = running.process_id or 0
    parts = platform.newcomers // times
    vectors, found = platform.coming(), list[Pass]()
    dsn = settings.dsn.get_secret_value()
    opened = ProcessPoolExecutor(1, get_context("spawn"), _open, (settings, platform.model))
    with (
        opened as child,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        child.submit(_worked_off).result()  # connected
        for number in range(times):
            before = used_s(process, with_children=True)
            some = vectors[number * parts : (number + 1) * parts]
            enrol(connection, some, platform.model, platform.users + number * parts)
            wall_s, cpu_s, rss_mb, photos, changes = child.submit(_worked_off).result()
            found.append(
                Pass(
                    platform.users,
                    platform.faces,
                    platform.dimension,
                    parts,
                    wall_s,
                    cpu_s,
                    used_s(process, with_children=True) - before,
                    rss_mb,
                    photos,
                    changes["gained"],
                )
            )
    return found


def _open(settings: DatabaseSettings, model: str) -> None:
    """In the child, at its start: its connections last, as a worker's do."""
    global _rematching  # noqa: PLW0603 - what a pool hands to its processes has no other place
    databases = Database(settings), Database(settings)
    _rematching = Rematching(*databases, Rules(POLICY, model))


def _worked_off() -> tuple[float, float, float, int, Counter[str]]:
    """In the child: do all that waits."""
    photos, changes = 0, Counter[str]()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    while piece := _rematching.step():
        photos += piece.photos
        changes += piece.changes
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return wall_s, cpu_s, rss_mb, photos, changes
