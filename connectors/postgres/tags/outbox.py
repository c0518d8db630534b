"""The changes of tags that wait to be told, in waves.

They are looked for again and again. PostgreSQL's ``listen`` would wake us up, but not through a
pooler that gives each transaction another connection.

A wave is read in one transaction and told in the next one: by then it is on disk. Somebody may have
changed a tag without waiting for that (``synchronous_commit = off``), and a crash of the server
would take back what was told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from connectors.postgres.connection import Database
from connectors.postgres.session import Connection, asked_together, sent_together
from connectors.postgres.sql_files import query
from dataflow.tags.change import TagChange
from dataflow.tags.wave import next_wave

MOST = 1000
"""Changes that are told together, each of another photo."""

Tell = Callable[[Sequence[TagChange]], None]
"""Tells some changes, each of another photo; raises if not all of them are known to be told."""

Place: TypeAlias = tuple[UUID, int]
"""A photo and a number of a change: what comes behind it has not had its turn."""

_BEGINNING: Place = (UUID(int=0), 0)
_LAST_SEQ = 2**63 - 1


@dataclass(slots=True)
class Outbox:
    """Reads from `face_outbox`, and forgets what was told.

    Photo by photo the order is that of the commits: a change is told when the one before is
    forgotten. Whatever breaks in between, a change is told again and never lost, and it keeps its
    number. The photos have their turns one after the other, so that one with many changes keeps no
    other one waiting.
    """

    database: Database
    most: int = MOST
    _next: list[TagChange] = field(default_factory=list, init=False)
    """What was read, and is on disk."""
    _place: Place = field(default=_BEGINNING, init=False)

    def wave(self, tell: Tell) -> Sequence[TagChange] | None:
        """Tell the oldest change of each photo; returns what was told.

        ``None``: changes wait, but another process is at it.

        Raises:
            TransientError, SystemicError: the database did not answer.
            Anything that ``tell`` raises: nothing is forgotten then.
        """
        with self.database.connection() as connection:
            known, self._next = self._next, []
            if not known:
                if connection.execute(query("any_untold")).fetchone() != (True,):
                    return ()
                known = self._read_first(connection)
            return (known and self._tell(connection, known, tell)) or None

    def _read_first(self, connection: Connection) -> list[TagChange]:
        with sent_together(connection):
            with asked_together(connection):
                connection.execute(query("take_relay_turn"))
                found = self._ask(connection)
            changes = self._take(found)
            if changes:
                connection.execute(query("write_through"))
        return changes

    def _tell(
        self, connection: Connection, known: Sequence[TagChange], tell: Tell
    ) -> Sequence[TagChange]:
        """Tell what nobody else has told, and read the next wave in the same transaction."""
        with sent_together(connection):
            with asked_together(connection):
                connection.execute(query("take_relay_turn"))
                seqs = [change.seq for change in known]
                left = connection.execute(query("still_untold"), {"seqs": seqs})
            untold = {seq for (seq,) in left}
            changes = [change for change in known if change.seq in untold]
            following: list[TagChange] = []
            if changes:
                tell(changes)
                with asked_together(connection):
                    # Its commit takes to disk what is read after it.
                    connection.execute(query("forget_told"), {"seqs": list(untold)})
                    found = self._ask(connection)
                following = self._take(found)
        self._next = following
        return changes

    def _ask(self, connection: Connection) -> Cursor[TupleRow]:
        photo_id, seq = self._place
        wanted = {"photo_id": photo_id, "seq": seq, "most": self.most}
        return connection.execute(query("untold_changes"), wanted)

    def _take(self, found: Cursor[TupleRow]) -> list[TagChange]:
        changes = [TagChange(*row) for row in found]
        more = len(changes) == self.most
        self._place = (changes[-1].photo_id, _LAST_SEQ) if more else _BEGINNING
        return next_wave(changes)

    def state(self) -> tuple[int, float]:
        """How many changes wait, and for how many seconds the oldest one.

        Raises:
            SolofaceError: the database does not answer.
        """
        with self.database.connection() as connection:
            count, age_s = connection.execute(query("outbox_state")).fetchone() or (0, 0)
        return count, age_s

    def close(self) -> None:
        """Let go of this thread's connection."""
        self.database.close()
