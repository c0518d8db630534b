"""Two hosts, one NATS, one PostgreSQL, one store; the loss of a host, and its return."""

from __future__ import annotations

from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.hosts import MakeHost
from tests.fixtures.worker import Log, RunWorker
from tests.world import World, eventually

HASTE = {
    "NATS__ACK_WAIT_S": "2",
    "NATS__RETRY_DELAY_S": "0.2",
    "WORKER__BATCH": "2",
    "WORKER__STALL_S": "2",
}


def test_two_hosts_share_the_work_and_one_that_is_lost_in_the_middle_of_a_write_comes_back(
    world: World, make_host: MakeHost, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(*ENROLLED)
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), 36)
    hosts = {}
    for _ in range(2):
        host, leads_there = make_host(world)
        hosts[run_worker(1, within=host.within, **leads_there, **HASTE)] = host
    log.wait(lambda: len(log.events("worker_starts")) == len(hosts))

    with world.locked(photos[0]):
        sequences = world.publish(photos[0].job())
        eventually(world.someone_waits_for_a_lock, "a host is in the middle of a write")
        sequences += world.publish(*(photo.job() for photo in photos[1:12]))
        log.wait(lambda: len(log.settled) > 0)  # by the other one
        [other] = [worker for worker in hosts if settled_by(log, worker.pid)]
        [lost] = hosts.keys() - {other}
        hosts[lost].cut()
    # The server gives its transaction up, and the other one gets its photo.
    meanwhile = world.publish(*(photo.job() for photo in photos[12:24]))
    sequences += meanwhile
    log.wait(lambda: settled_by(log, other.pid) | settled_by(log, lost.pid) >= set(sequences))
    eventually(world.is_empty, "the stream knows that all jobs are done")
    assert settled_by(log, other.pid) >= set(meanwhile)
    other.stop()

    hosts[lost].reconnect()
    log.wait(lambda: len(log.events("nats_reconnected", worker=lost.pid)) > 0)
    later = world.publish(*(photo.job() for photo in photos[24:]))
    log.wait(lambda: settled_by(log, lost.pid) >= set(later))
    lost.stop()

    # It has found out what became of the photo that it was to write when the cable was cut.
    assert sequences[0] in settled_by(log, lost.pid)
    assert world.rows("face_matches").keys() == {photo.id for photo in photos}
    assert len(world.events()) == len(photos)
    assert world.dead_letters() == []
    world.assert_nothing_is_left()


def settled_by(log: Log, worker: int) -> set[int]:
    """The jobs that a worker has told of."""
    return {line["stream_seq"] for line in log.settled if line["worker"] == worker}
