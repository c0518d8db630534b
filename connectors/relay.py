"""The thread of a worker that tells the changes of tags, from PostgreSQL to JetStream."""

from __future__ import annotations

import threading
import time

import structlog

from connectors.jetstream.client import SharedJetStream
from connectors.postgres.tags.outbox import Outbox
from dataflow.jobs.errors import SolofaceError

POLL_S = 0.1
"""How long after its commit, at most, a change is noticed."""

AWAY_S = 1
"""How long to leave a server alone that did not answer."""

LAST_WORDS_S = 5
"""How long a process goes on to tell after its last job."""

log = structlog.get_logger()


class Relay:
    """Tells whatever waits in the outbox, as long as the process runs.

    Each process tries; one at a time has the turn. It needs the client that the dataflow has.
    """

    def __init__(self, outbox: Outbox, shared: SharedJetStream, stop: threading.Event) -> None:
        self._outbox = outbox
        self._shared = shared
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._silent_since: float | None = None

    def start(self) -> None:
        """Begin, on a thread that ends with the stop."""
        self._thread.start()

    def finish(self) -> None:
        """Tell what the last jobs of this process have changed, as far as that is possible now."""
        if not self._stop.is_set():
            return  # somebody looked whether NATS is there
        self._thread.join(LAST_WORDS_S)
        deadline = time.monotonic() + LAST_WORDS_S
        while self._wave() == 0 and time.monotonic() < deadline:
            pass
        self._outbox.close()

    def _run(self) -> None:
        pause_s: float = 0
        while not self._stop.wait(pause_s):
            pause_s = self._wave() if self._shared.is_open else POLL_S
        self._outbox.close()

    def _wave(self) -> float:
        """Tell a wave; returns how long to wait for the next one."""
        try:
            told = self._outbox.wave(self._shared.tell)
        except SolofaceError as error:
            self._note_silence(str(error))
            return AWAY_S
        except Exception as error:  # noqa: BLE001 - whatever it is, the feed must go on after it
            self._note_silence(repr(error))
            return AWAY_S
        if told is not None and self._silent_since is not None:
            log.info("tags_told_again", after_s=round(time.monotonic() - self._silent_since, 1))
            self._silent_since = None
        return 0 if told else POLL_S

    def _note_silence(self, error: str) -> None:
        """Say once that nothing is told."""
        if self._silent_since is None:
            self._silent_since = time.monotonic()
            log.warning("tags_untold", error=error)
