"""The gallery in a worker's memory: read when it starts, and kept as new as the database."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import structlog

from connectors.postgres.connection import Database
from connectors.postgres.gallery.reading import Memory, UnreadableError, go_on, read, room_for
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.gallery.remembered import NoRoomError, Remembered
from dataflow.jobs.errors import SolofaceError

LOOK_S = 0.5
"""How often to look who has changed; until then a search compares those with every face."""

PRUNE_S = 60.0
"""How often changes that everybody has read are removed."""

AGAIN_S = 600.0
"""How long to wait before what did not fit, or could not be read, is tried again."""

LEAST_USERS = 500
"""Of fewer, comparing with all of them costs no more: measured with batches of 16."""

log = structlog.get_logger()


@dataclass(slots=True)
class GalleryMemory:
    """The users of one contract in the memory of this process, as far as that is of use.

    ``limit_mb`` is what it may take; 0 turns it off. :meth:`keep` starts the thread that reads; any
    thread may search in what that has read last. Where it ``tidies``, it also removes the notes of
    changes that everybody has read; that takes more rights.
    """

    database: Database
    model: str
    dimension: int
    limit_mb: int
    tidies: bool = True
    _memory: Memory | None = field(default=None, init=False)
    _not_before: float = field(default=0, init=False)
    _pruned_at: float = field(default=float("-inf"), init=False)

    @property
    def now(self) -> Remembered | None:
        """What is remembered; ``None``: nothing, so that a search compares with everybody."""
        memory = self._memory
        return memory.now if memory and memory.now.crowd.size >= LEAST_USERS else None

    def keep(self, stop: threading.Event) -> threading.Thread:
        """Read the users, and go on with those who change, until the stop."""
        thread = threading.Thread(target=self._keep, args=(stop,), name="gallery", daemon=True)
        thread.start()
        return thread

    def refresh(self) -> None:
        """Bring the memory to what the database knows now.

        Raises:
            TransientError, SystemicError: the database did not answer. What is remembered stays
                true of its moment.
        """
        with self.database.connection() as connection:
            self._tidy(connection)
            if not self.limit_mb or time.monotonic() < self._not_before:
                return
            try:
                if self._went_on(connection):
                    return
                if self.tidies:
                    connection.execute(query("mark_memory"))
                began = time.monotonic()
                room = room_for(self.limit_mb, self.dimension)
                self._memory = read(connection, self.model, self.dimension, room)
            except NoRoomError:
                self._give_up(f"more users than {self.limit_mb} MB hold")
            except MemoryError:
                self._give_up("this machine has no memory left for them")
            except UnreadableError as error:
                self._give_up(str(error))
            else:
                users = self._memory.now.crowd.size
                took_s = round(time.monotonic() - began, 2)
                log.info("gallery_remembered", users=users, duration_s=took_s)

    def _went_on(self, connection: Connection) -> bool:
        """Whether it was enough to read who has changed."""
        if self._memory is None or self._memory.ledger.is_worn:
            return False
        try:
            self._memory = go_on(connection, self.model, self._memory)
        except NoRoomError:
            # Those who are gone take room, too.
            self._memory = None
        return self._memory is not None

    def _tidy(self, connection: Connection) -> None:
        if self.tidies and time.monotonic() - self._pruned_at >= PRUNE_S:
            connection.execute(query("prune_changes"))
            self._pruned_at = time.monotonic()

    def _give_up(self, why: str) -> None:
        """Search in the database for a while: that is slower, and finds the same."""
        self._memory = None
        self._not_before = time.monotonic() + AGAIN_S
        log.warning("gallery_not_remembered", error=why)

    def _keep(self, stop: threading.Event) -> None:
        away = False
        while True:
            try:
                self.refresh()
                away = False
            except SolofaceError as error:
                if not away:
                    log.warning("gallery_memory_waits", error=str(error))
                away = True
            if stop.wait(LOOK_S):
                break
        self.database.close()
