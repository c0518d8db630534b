"""Running the demo: furnish the servers, publish the jobs, let the real worker settle them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from threading import Timer
from typing import Any
from uuid import UUID

import orjson
from nats.js import JetStreamContext

from connectors.jetstream.connection import connect
from connectors.jetstream.provision import provision
from connectors.postgres.connection import connect as connect_postgres
from connectors.store import minio_client, put_object
from dataflow.jobs.errors import SystemicError
from dataflow.jobs.image_ref import ImageRef
from dataflow.settings import NatsSettings, Settings
from soloface.cli.demo.scenario import Case

DEADLINE_S = 120
DRAIN_S = 15

LogLine = dict[str, Any]


def furnish(settings: Settings, cases: Sequence[Case]) -> None:
    """Play the platform: put the photos into the store and into its table."""
    store = minio_client(settings.store, connections=1)
    for case in cases:
        if case.image is not None:
            put_object(store, ImageRef(settings.store.bucket, case.key), case.image)
    listed = [(case.photo_id,) for case in cases if case.listed]
    with closing(connect_postgres(settings.database)) as connection:
        connection.cursor().executemany("insert into photos (id) values (%s)", listed)


async def publish(settings: NatsSettings, cases: Iterable[Case]) -> dict[int, Case]:
    """Publish the jobs in order; returns them by stream sequence."""
    connection = await connect(settings, "soloface demo")
    try:
        js = connection.jetstream()
        await provision(js, settings)
        published = {}
        for case in cases:
            stored = await js.publish(settings.subject, case.payload(), stream=settings.stream)
            published[stored.seq] = case
            if case.handed_back:
                await _deliver_in_vain(js, settings)
    finally:
        await connection.close()
    return published


async def _deliver_in_vain(js: JetStreamContext, settings: NatsSettings) -> None:
    """Pull the only waiting job and hand it back, as a worker that dies."""
    subscription = await js.pull_subscribe_bind(durable=settings.durable, stream=settings.stream)
    for message in await subscription.fetch(1):
        await message.nak()
    await subscription.unsubscribe()


async def backlog(settings: NatsSettings) -> tuple[int, int]:
    """Jobs that are not settled, and dead letters."""
    connection = await connect(settings, "soloface demo")
    try:
        js = connection.jetstream()
        consumer = await js.consumer_info(settings.stream, settings.durable)
        dead = await js.stream_info(settings.dead_stream)
    finally:
        await connection.close()
    return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0), dead.state.messages


def matches(settings: Settings) -> list[tuple[UUID, UUID]]:
    """What the platform will see: the photos and their users."""
    with closing(connect_postgres(settings.database)) as connection:
        return connection.execute(
            "select photo_id, user_id from face_matches "
            "join photo_faces on photo_faces.id = photo_face_id"
        ).fetchall()


def worker_command(flow: str, workers: int = 1) -> list[str]:
    """What starts one of the dataflows."""
    return [sys.executable, "-m", "bytewax.run", f"dataflow:{flow}", "-w", str(workers)]


def run_worker(
    environment: Mapping[str, str], workers: int, sequences: Iterable[int]
) -> Iterator[LogLine]:
    """Run the worker until it has settled all the jobs; yields its line about each.

    Raises:
        SystemicError: it ended by itself, took too long, or did not drain.
    """
    command = worker_command("flow", workers)
    waiting = set(sequences)
    said: list[str] = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        watchdog = Timer(DEADLINE_S, process.kill)
        watchdog.start()
        try:
            for line in process.stderr or ():
                said.append(line)
                entry = _json(line)
                if entry.get("event") == "job_settled":
                    yield entry
                    waiting.discard(entry["stream_seq"])
                if not waiting:
                    break
            process.terminate()
            said += process.stderr or ()
            process.wait(DRAIN_S)
        finally:
            watchdog.cancel()
            process.kill()
    if waiting or process.returncode:
        last = "".join(said[-20:])
        raise SystemicError(
            f"the worker ended with {process.returncode}, jobs unsettled: {len(waiting)}\n{last}"
        )


def _json(line: str) -> LogLine:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return entry if isinstance(entry, dict) else {}
