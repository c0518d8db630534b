"""The ordinary way to write this service, as a baseline: one job after the other.

``python -m benchmarks.naive`` runs on soloface's own settings and tables. It takes what each
library offers and uses it as its documentation does: an asyncio consumer, ``FaceAnalysis.get`` on
the whole image, the SQL statements one by one, a commit after each of the two writes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from typing import Any

import cv2
import nats
import numpy as np
import psycopg
from insightface.app import FaceAnalysis  # type: ignore[import-untyped]
from minio import Minio
from nats.aio.msg import Msg
from pgvector.psycopg import register_vector_async
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from dataflow.settings import Settings, load_settings

Connection = psycopg.AsyncConnection[TupleRow]
log = logging.getLogger("naive")


class Worker:
    """Everything that handles a job."""

    def __init__(self, settings: Settings, store: Minio, app: Any, database: Connection) -> None:  # noqa: ANN401
        self._settings = settings
        self._store = store
        self._app = app
        self._database = database

    async def handle(self, message: Msg) -> str:
        """Find out who is on the photo, and say what became of it."""
        job = json.loads(message.data)
        photo_id = job["photo_id"]
        row = await self._one("select 1 from photos where id = %s", [photo_id])
        if row is None:
            return "photo_not_found"
        row = await self._one(
            "select 1 from face_matches m join photo_faces f on f.id = m.photo_face_id "
            "where f.photo_id = %s",
            [photo_id],
        )
        if row is not None:
            return "already_matched"
        image = await asyncio.to_thread(self._read, job["image_ref"])
        faces = self._app.get(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR))
        if len(faces) != 1:
            return "not_a_single_face"
        face = faces[0]
        return await self._record(photo_id, face)

    def _read(self, key: str) -> bytes:
        response = self._store.get_object(self._settings.store.bucket, key)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    async def _record(self, photo_id: str, face: Any) -> str:  # noqa: ANN401
        embedding = np.asarray(face.normed_embedding, np.float32)
        box = dict(zip(("x1", "y1", "x2", "y2"), map(float, face.bbox), strict=True))
        stored = await self._one(
            "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
            "values (%s, 0, %s, %s, 'naive', %s) on conflict (photo_id, face_index) do update "
            "set embedding = excluded.embedding, bbox = excluded.bbox returning id",
            [photo_id, embedding, Jsonb(box), float(face.det_score)],
        )
        await self._database.commit()
        nearest = await self._one(
            "select id, face_embedding <=> %s as distance from users "
            "where face_embedding is not null order by distance limit 1",
            [embedding],
        )
        if nearest is None or stored is None:
            return "no_enrolled_users"
        await self._database.execute(
            "insert into face_matches (photo_face_id, user_id, confidence) values (%s, %s, %s) "
            "on conflict do nothing",
            [stored[0], nearest[0], nearest[1]],
        )
        await self._database.commit()
        return "matched"

    async def _one(self, query: Any, values: list[object]) -> TupleRow | None:  # noqa: ANN401
        return await (await self._database.execute(query, values)).fetchone()


async def consume(worker: Worker, settings: Settings, stop: asyncio.Event) -> None:
    """Take jobs until told to stop."""
    connection = await nats.connect(
        settings.nats.servers,
        user=settings.nats.user,
        password=settings.nats.password and settings.nats.password.get_secret_value(),
    )
    pull = await connection.jetstream().pull_subscribe_bind(
        durable=settings.nats.durable, stream=settings.nats.stream
    )
    while not stop.is_set():
        try:
            (message,) = await pull.fetch(1, timeout=1)
        except TimeoutError:
            continue
        outcome = await worker.handle(message)
        await message.ack()
        log.info('{"event": "job_settled", "outcome": "%s"}', outcome)
    await connection.close()


async def run() -> None:
    """Connect to everything and consume."""
    settings = load_settings()
    secret = settings.store.secret_key
    store = Minio(
        settings.store.endpoint,
        access_key=settings.store.access_key,
        secret_key=secret.get_secret_value() if secret else None,
        secure=False,
    )
    app = FaceAnalysis(name=settings.model.pack, providers=list(settings.model.providers))
    app.prepare(ctx_id=0, det_size=(640, 640))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    dsn = settings.database.dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn) as database:
        await register_vector_async(database)
        await consume(Worker(settings, store, app, database), settings, stop)


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "urllib3"):
        logging.getLogger(noisy).setLevel("WARNING")
    asyncio.run(run())
