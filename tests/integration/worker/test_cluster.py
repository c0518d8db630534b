"""Two processes as one Bytewax cluster: what one has pulled, the other may settle."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack

import pytest

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, MakeWorld, RunWorker, Worker
from tests.world import World, eventually

ACK_WAIT_S = 6
LONG_S = 1.5 * ACK_WAIT_S
JOBS = 12


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world whose server soon redelivers what nobody vouches for."""
    made = make_world(NATS__ACK_WAIT_S=str(ACK_WAIT_S), WORKER__BATCH="4")
    made.enrol(*ENROLLED)
    return made


@pytest.fixture
def cluster(run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    with ExitStack() as ports:
        free = [ports.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        addresses = [f"127.0.0.1:{port.getsockname()[1]}" for port in free]
    monkeypatch.setenv("BYTEWAX_ADDRESSES", ";".join(addresses))
    workers = []
    for number in range(2):
        monkeypatch.setenv("BYTEWAX_PROCESS_ID", str(number))
        workers.append(run_worker())
    return workers


def test_a_delivery_is_vouched_for_by_the_process_that_holds_it(
    world: World, cluster: list[Worker], log: Log
) -> None:
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), JOBS)
    with world.database() as holder:
        holder.execute("begin")
        holder.execute("select from photos for update")
        sequences = world.publish(*(photo.job() for photo in photos))
        eventually(world.someone_waits_for_a_lock, "a process writes")
        end = time.monotonic() + LONG_S
        while time.monotonic() < end:
            assert world.consumer().num_redelivered == 0
            time.sleep(0.1)
        holder.execute("rollback")
    log.wait_settled(sequences)
    assert set(log.reasons().values()) == {Reason.MATCHED}
    assert {line["worker"] for line in log.settled} == {worker.pid for worker in cluster}

    # Somebody's third delivery is tried by a process that vouches for nothing else, which it would
    # if it still did for what has left it.
    third = suspect(world, cluster)
    log.wait_settled([third])
    (line,) = log.events("job_settled", stream_seq=third)
    assert (line["reason"], line["deliveries"]) == (Reason.MATCHED, 3)
    for worker in cluster:
        worker.tell()
    assert [worker.ended() for worker in cluster] == [0, 0]
    world.assert_nothing_is_left()


def suspect(world: World, cluster: list[Worker]) -> int:
    """Publish a job whose first two deliveries go elsewhere."""
    photo = world.photo(scaled(ENROLLED[0].portrait(), 0.7))
    for worker in cluster:
        worker.tell(signal.SIGSTOP)
    eventually(lambda: world.consumer().num_waiting == 0, "nobody pulls any more")
    (sequence,) = world.publish(photo.job())
    for _ in range(2):
        world.hand_back(world.take())
    for worker in cluster:
        worker.tell(signal.SIGCONT)
    return sequence
