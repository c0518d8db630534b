"""Trace ids of jobs whose publisher named no trace: the same for every delivery of a job."""

from __future__ import annotations

import threading
from hashlib import blake2b

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from dataflow.jobs.delivery import Delivery


class JobTraceIds(RandomIdGenerator):
    """Is told with :meth:`about` whose span comes next in this thread.

    A job that comes again cannot carry the trace of its last delivery: the server sends what was
    published. So its trace follows from what never changes.
    """

    def __init__(self) -> None:
        self._next = threading.local()

    def about(self, delivery: Delivery) -> None:
        """Take the next trace's id from the message that was delivered."""
        message = f"{delivery.stream_seq} {delivery.published_at.isoformat()}"
        digest = blake2b(message.encode(), digest_size=16).digest()
        self._next.trace_id = int.from_bytes(digest)

    def generate_trace_id(self) -> int:
        """The id of a trace that begins with a job. Called by OpenTelemetry."""
        trace_id: int = self._next.trace_id
        return trace_id
