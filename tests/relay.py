"""``python -m tests.relay``: a worker's relay without the worker, until it is killed."""

from __future__ import annotations

import threading

from dataflow.settings import load_settings
from tests.feed import relaying

if __name__ == "__main__":
    settings = load_settings()
    with relaying(settings.nats, settings.database):
        print("relays", flush=True)  # noqa: T201 - for who has started it
        threading.Event().wait()
