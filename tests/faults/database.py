"""Experiment 3: what can happen to PostgreSQL while it is needed. All of it at the same time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks.forwarder import DEAF, FORWARD, Forwarder
from connectors.embedded import PostgresServer
from tests.faults.lab import Lab, Scene, resumption, wait_for
from tests.faults.ledger import Wanted
from tests.faults.report import Row

NUMBER = 3
WRITERS = 2

_TERMINATED_EVERY_S = 2
_JOBS_PER_PHOTO = 4
_PORTION = 20


Meanwhile = Callable[[], object]
"""What goes on while something is broken: more jobs are published."""


@dataclass(frozen=True, slots=True)
class Size:
    """Seconds of each trouble, and jobs that wait meanwhile."""

    down_s: float
    deaf_s: float
    terminated_s: float
    read_only_s: float
    jobs: int
    ack_wait_s: float


SMALL = Size(down_s=4, deaf_s=4, terminated_s=4, read_only_s=4, jobs=60, ack_wait_s=2)
FULL = Size(down_s=120, deaf_s=60, terminated_s=60, read_only_s=60, jobs=200, ack_wait_s=5)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    cases = (_down, _deaf, _terminated, _read_only, _two_writers)
    with ThreadPoolExecutor(len(cases)) as pool:
        yield from pool.map(lambda case: _or_broken_off(case, lab, size), cases)


def _or_broken_off(case: Callable[[Lab, Size], Row], lab: Lab, size: Size) -> Row:
    try:
        return case(lab, size)
    except Exception as error:  # noqa: BLE001 - the others come to their end, and this is a row
        return Row.broken_off(NUMBER, case.__name__, error)


def _down(lab: Lab, size: Size) -> Row:
    with PostgresServer() as server, _scene(lab, size, server) as scene:

        def go_down(meanwhile: Meanwhile) -> None:
            server.stop()
            meanwhile()
            time.sleep(size.down_s)
            server.start()

        return _kept(scene, size, f"PostgreSQL down for {size.down_s:g} s", go_down)


def _deaf(lab: Lab, size: Size) -> Row:
    with _scene(lab, size) as scene, ExitStack() as cleanup:
        proxy = cleanup.enter_context(Forwarder(lab.postgres.port))

        def be_deaf(meanwhile: Meanwhile) -> None:
            proxy.behave(DEAF)
            meanwhile()
            time.sleep(size.deaf_s)
            proxy.forget_connections()
            proxy.behave(FORWARD)

        done = f"PostgreSQL does not answer for {size.deaf_s:g} s, its connections stay open"
        return _kept(scene, size, done, be_deaf, _through(scene, proxy))


def _terminated(lab: Lab, size: Size) -> Row:
    with _scene(lab, size) as scene:

        def terminate(meanwhile: Meanwhile) -> None:
            meanwhile()
            end = time.monotonic() + size.terminated_s
            while time.monotonic() < end:
                _terminate_backends(lab.postgres, scene)
                scene.ledger.publish(scene.ledger.good(_PORTION))
                time.sleep(_TERMINATED_EVERY_S)
            scene.ledger.publish(scene.ledger.good(_PORTION))  # what the work resumes with
            _terminate_backends(lab.postgres, scene)

        done = f"all backends terminated every {_TERMINATED_EVERY_S} s for {size.terminated_s:g} s"
        return _kept(scene, size, done, terminate)


def _read_only(lab: Lab, size: Size) -> Row:
    with _scene(lab, size) as scene:

        def be_read_only(meanwhile: Meanwhile) -> None:
            name = sql.Identifier(_database_name(scene))
            setting = sql.SQL("default_transaction_read_only")
            with psycopg.connect(lab.postgres.dsn, autocommit=True) as admin:
                admin.execute(sql.SQL("alter database {} set {} = on").format(name, setting))
                _terminate_backends(lab.postgres, scene)
                meanwhile()
                time.sleep(size.read_only_s)
                admin.execute(sql.SQL("alter database {} reset {}").format(name, setting))

        return _kept(scene, size, f"PostgreSQL read-only for {size.read_only_s:g} s", be_read_only)


def _two_writers(lab: Lab, size: Size) -> Row:
    with _scene(lab, size) as scene:
        ledger = scene.ledger
        photos = ledger.photos(size.jobs // _JOBS_PER_PHOTO)
        jobs = [
            Wanted(
                photo.job(face_index=index % 2), photo.id, users=frozenset(ledger.users.values())
            )
            for photo in photos
            for index in range(_JOBS_PER_PHOTO)
        ]
        random.shuffle(jobs)
        workers = [scene.start(WORKER__BATCH="4") for _ in range(WRITERS)]
        wait_for(lambda: (scene.world.consumer().num_waiting or 0) >= WRITERS, "both pull")
        ledger.publish(jobs)
        scene.wait_until_done()
        for worker in workers:
            worker.stop()
        return _row(scene, f"{WRITERS} writers, {_JOBS_PER_PHOTO} jobs for each photo", "")


def _kept(
    scene: Scene,
    size: Size,
    done: str,
    break_and_repair: Callable[[Meanwhile], None],
    dsn: str = "",
) -> Row:
    """Break something under load and repair it: no job may be delivered a second time."""
    jobs = scene.ledger.good(size.jobs)
    before = len(jobs) // 2
    scene.ledger.publish(jobs[:before])
    worker = scene.start(WORKER__BATCH="4", DATABASE__DSN=dsn or scene.variables["DATABASE__DSN"])
    wait_for(lambda: bool(worker.log.settled), "the worker works")
    break_and_repair(lambda: scene.ledger.publish(jobs[before:]))
    resumed_s = resumption(scene)
    scene.wait_until_done()
    worker.stop()
    return _row(scene, done, f"resumed after {resumed_s:.1f} s")


def _row(scene: Scene, done: str, measured: str) -> Row:
    verdict = scene.verdict()
    used = verdict.redelivered
    problems = [f"{used} attempts were used"] if used else []
    what = "; ".join(filter(None, [measured, f"{used} attempts used"]))
    return Row.of(NUMBER, done, verdict, what, problems)


@contextmanager
def _scene(lab: Lab, size: Size, server: PostgresServer | None = None) -> Iterator[Scene]:
    settings = {
        "NATS__ACK_WAIT_S": str(size.ack_wait_s),
        # How soon a server is given up that has fallen silent.
        "DATABASE__CONNECT_TIMEOUT_S": "2",
        "DATABASE__STATEMENT_TIMEOUT_S": "5",
    }
    with lab.scene(settings, postgres=server) as scene:
        yield scene


def _through(scene: Scene, proxy: Forwarder) -> str:
    """The scene's database, seen through a proxy."""
    dsn = scene.variables["DATABASE__DSN"]
    return dsn.replace(f":{conninfo_to_dict(dsn)['port']}/", f":{proxy.port}/")


def _database_name(scene: Scene) -> str:
    return str(conninfo_to_dict(scene.variables["DATABASE__DSN"])["dbname"])


def _terminate_backends(server: PostgresServer, scene: Scene) -> None:
    query = """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = %s and application_name = 'soloface'
    """
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(query, [_database_name(scene)])
