"""Putting jobs on the stream, each one confirmed."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from dataflow.jobs.errors import SystemicError
from dataflow.settings import NatsSettings


async def send(js: JetStreamContext, job: Mapping[str, object], settings: NatsSettings) -> bool:
    """Publish a job under its ``job_id``; returns whether the stream had it already.

    Raises:
        SystemicError: the stream does not take it.
    """
    headers = {"Nats-Msg-Id": str(job["job_id"])}
    try:
        stored = await js.publish(
            settings.subject, orjson.dumps(job), stream=settings.stream, headers=headers
        )
    except (NatsError, TimeoutError) as error:
        raise SystemicError(f"the stream did not take the job: {error!r}") from error
    return bool(stored.duplicate)
