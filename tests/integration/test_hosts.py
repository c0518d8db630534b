"""Two hosts, one NATS, one PostgreSQL, one store; and the loss of a host."""

from __future__ import annotations

from dataflow.cli.demo.changes import scaled
from dataflow.cli.demo.people import ENROLLED
from tests.fixtures.hosts import MakeHost
from tests.fixtures.worker import Log, RunWorker
from tests.world import World, eventually

HASTE = {"NATS__ACK_WAIT_S": "2", "NATS__RETRY_DELAY_S": "0.2", "WORKER__BATCH": "2"}


def test_two_hosts_share_the_work_and_losing_one_in_the_middle_of_a_write_loses_nothing(
    world: World, make_host: MakeHost, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(*ENROLLED)
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), 24)
    (first, leads_first), (second, leads_second) = make_host(world), make_host(world)

    lost = run_worker(1, within=first.within, **leads_first, **HASTE)
    sequences = world.publish(photos[0].job())
    log.wait_settled(sequences)
    with world.locked(photos[1]):
        sequences += world.publish(*(photo.job() for photo in photos[1:12]))
        eventually(world.someone_waits_for_a_lock, "the first host is in the middle of a write")
        other = run_worker(1, within=second.within, **leads_second, **HASTE)
        log.wait(lambda: len(settled_by(log, other.pid)) > 0)
        first.cut()
    # What the first host has sent is committed now, but it cannot hear of it, nor answer for it.
    sequences += world.publish(*(photo.job() for photo in photos[12:]))
    log.wait(lambda: settled_by(log, other.pid) | settled_by(log, lost.pid) >= set(sequences))
    eventually(world.is_empty, "the stream knows that all jobs are done")
    lost.kill()
    other.stop()

    assert len(settled_by(log, other.pid)) >= len(sequences) - 1
    assert world.rows("face_matches").keys() == {photo.id for photo in photos}
    assert world.dead_letters() == []
    world.assert_nothing_is_left()


def settled_by(log: Log, worker: int) -> set[int]:
    """The jobs that a worker has told of."""
    return {line["stream_seq"] for line in log.settled if line["worker"] == worker}
