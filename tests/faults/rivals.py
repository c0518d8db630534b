"""Experiment 8: many jobs of one photo at once, and users who are erased meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from dataflow.jobs.reason import Reason
from soloface.cli.demo.people import ENROLLED
from tests.faults.checker import check
from tests.faults.lab import Lab, Scene, wait_for
from tests.faults.ledger import Wanted
from tests.faults.report import Row
from tests.fixtures.worker import Worker

NUMBER = 8
PROCESSES = 2
THREADS = 2
FACE_INDEXES = 5

_ERASED = ENROLLED[:2]
_KEPT = ENROLLED[2:4]
_EXPLAINED = frozenset({Reason.MATCHED, Reason.ALREADY_MATCHED, Reason.DUPLICATE_IN_FLIGHT})


@dataclass(frozen=True, slots=True)
class Size:
    jobs: int
    photos_of_erased: int


SMALL = Size(jobs=50, photos_of_erased=60)
FULL = Size(jobs=50, photos_of_erased=1000)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    with lab.scene({"WORKER__BATCH": "4"}) as scene:
        scene.ledger.good(1)
        workers = [scene.start(THREADS) for _ in range(PROCESSES)]
        pullers = PROCESSES * THREADS
        wait_for(lambda: (scene.world.consumer().num_waiting or 0) >= pullers, "all pull")
        yield _one_photo(scene, workers, size.jobs, 1)
        yield _one_photo(scene, workers, size.jobs, FACE_INDEXES)
        yield _erased_users(scene, workers, size.photos_of_erased)
        for worker in workers:
            worker.stop()


def _one_photo(scene: Scene, workers: Sequence[Worker], count: int, indexes: int) -> Row:
    ledger = replace(scene.ledger, jobs={})
    (photo,) = ledger.photos(1)
    users = frozenset({ledger.users[ENROLLED[0].name]})
    seqs = ledger.publish(
        [
            Wanted(photo.job(face_index=number % indexes), photo.id, users=users)
            for number in range(count)
        ]
    )
    scene.wait_until_done()
    wait_for(lambda: _reasons(workers, seqs).total() == count, "the workers have said so")
    reasons = _reasons(workers, seqs)
    problems = []
    if reasons[Reason.MATCHED] != 1 or not reasons.keys() <= _EXPLAINED:
        problems.append(f"the jobs ended as {dict(reasons)}")
    faces = f"{indexes} face indexes" if indexes > 1 else "one face index"
    return Row.of(
        NUMBER,
        f"{count} jobs of one photo at once, {faces}, {PROCESSES} processes with {THREADS} workers",
        check(ledger),
        ", ".join(f"{reasons[reason]} {reason}" for reason in sorted(reasons)),
        problems,
    )


def _reasons(workers: Sequence[Worker], seqs: Sequence[int]) -> Counter[str]:
    """What the workers said of each job."""
    wanted = set(seqs)
    lines = [line for worker in workers for line in worker.log.settled]
    said = {line["stream_seq"]: line["reason"] for line in lines if line["stream_seq"] in wanted}
    return Counter(said.values())


def _erased_users(scene: Scene, workers: Sequence[Worker], count: int) -> Row:
    ledger = replace(scene.ledger, jobs={})
    jobs = ledger.good(2 * count, [*_ERASED, *_KEPT])
    gone = {ledger.users[person.name] for person in _ERASED}
    # A photo of theirs that comes later is matched with the next nearest. One that was there, or
    # under way, has withdrawn with them.
    theirs = frozenset({Reason.MATCHED, Reason.WITHDRAWN})
    jobs = [
        replace(w, users=frozenset(), reasons=theirs, forgotten=True) if w.users & gone else w
        for w in jobs
    ]
    seqs = ledger.publish(jobs[:count])
    wait_for(lambda: _rows_about(scene, gone) > count / 2, "a quarter of theirs are matched")
    with scene.world.database() as platform, platform.transaction():
        platform.execute("delete from users where id = any(%s)", [list(gone)])
        seqs += ledger.publish(jobs[count:])
        wait_for(scene.world.someone_waits_for_a_lock, "one of theirs is about to be matched")
        before = _rows_about(scene, gone)
    scene.wait_until_done()
    wait_for(lambda: _reasons(workers, seqs).total() == len(jobs), "the workers have said so")
    rows = _rows_about(scene, gone)
    problems = [f"{rows} rows of erased users"] if rows else []
    return Row.of(
        NUMBER,
        f"{len(gone)} users erased while {count:,} of their photos are matched",
        check(ledger),
        f"{before} of their rows before, {rows} after",
        problems,
    )


def _rows_about(scene: Scene, users: set[UUID]) -> int:
    query = """
        select (select count(*) from face_matches where user_id = any(%(users)s))
            + (select count(*) from face_match_outcomes where user_id = any(%(users)s)) as rows
    """
    with scene.world.database() as connection:
        row = connection.execute(query, {"users": list(users)}).fetchone()
    assert row
    rows: int = row["rows"]
    return rows
