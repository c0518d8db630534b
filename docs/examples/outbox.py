"""A relay from an outbox to the stream: run it in a loop, as many of them as you like.

A job leaves the table only when the stream has confirmed it. If a relay dies in between, the job
stays there. The next relay publishes it under the same id, and the stream stores it once.
"""

from __future__ import annotations

import asyncio

import orjson
import psycopg
from nats.js import JetStreamContext
from psycopg.rows import TupleRow

SUBJECT = "photo_faces.single.requested"
BATCH = 200

# Locked rows are another relay's.
TAKE = """
    select id, photo_id, image_ref from photo_jobs
    order by created_at for update skip locked limit %s
"""


async def relay(
    connection: psycopg.AsyncConnection[TupleRow], js: JetStreamContext, subject: str = SUBJECT
) -> int:
    """Send some of what waits; returns how many jobs that were."""
    async with connection.transaction():
        jobs = await (await connection.execute(TAKE, [BATCH])).fetchall()
        await asyncio.gather(
            *(
                js.publish(
                    subject,
                    orjson.dumps({"photo_id": photo_id, "image_ref": ref, "job_id": job_id}),
                    headers={"Nats-Msg-Id": str(job_id)},
                )
                for job_id, photo_id, ref in jobs
            )
        )
        sent = [job_id for job_id, _, _ in jobs]
        await connection.execute("delete from photo_jobs where id = any(%s)", [sent])
    return len(sent)
