"""``python -m tests.relay``: a worker's relay without the worker, until it is killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from connectors.jetstream.client import SharedJetStream
from connectors.postgres.connection import Database
from connectors.postgres.tags.outbox import Outbox
from connectors.relay import Relay
from dataflow.process.health import Health
from dataflow.settings import DatabaseSettings, NatsSettings, load_settings


@contextmanager
def relaying(nats: NatsSettings, database: DatabaseSettings) -> Iterator[SharedJetStream]:
    """A relay as a worker has it, without the worker."""
    stop = threading.Event()
    shared = SharedJetStream(nats, Health())
    with closing(Database(database, stop)) as own:
        relay = Relay(Outbox(own), shared, stop)
        shared.before_close(relay.finish)
        shared.acquire()
        relay.start()
        try:
            yield shared
        finally:
            stop.set()
            shared.release()


if __name__ == "__main__":
    settings = load_settings()
    with relaying(settings.nats, settings.database):
        print("relays", flush=True)  # noqa: T201 - for who has started it
        threading.Event().wait()
