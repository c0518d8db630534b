"""The changes of tags that wait to be told, in waves.

They are looked for again and again. PostgreSQL's ``listen`` would wake us up, but not through a
pooler that gives each transaction another connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.postgres.connection import Database
from connectors.postgres.session import asked_together, sent_together
from connectors.postgres.sql_files import query
from dataflow.tags.change import TagChange
from dataflow.tags.wave import next_wave

MOST = 1000
"""Changes that are read together, and told together where no two are of one photo."""

Tell = Callable[[Sequence[TagChange]], None]
"""Tells some changes, each of another photo; raises if not all of them are known to be told."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """Reads from `face_outbox`, and forgets what was told.

    Photo by photo the order is that of the commits: a change is told when the one before is
    forgotten. Whatever breaks in between, a change is told again and never lost, and it keeps its
    number.
    """

    database: Database
    most: int = MOST

    def wave(self, tell: Tell) -> Sequence[TagChange] | None:
        """Tell the oldest change of each photo, in one transaction; returns what was told.

        ``None``: changes wait, but another process is at it.

        Raises:
            TransientError, SystemicError: the database did not answer.
            Anything that ``tell`` raises: nothing is forgotten then.
        """
        with self.database.connection() as connection:
            if connection.execute(query("any_untold")).fetchone() != (True,):
                return ()
            with sent_together(connection):
                with asked_together(connection):
                    connection.execute(query("take_relay_turn"))
                    rows = connection.execute(query("untold_changes"), {"most": self.most})
                changes = next_wave(TagChange(*row) for row in rows)
                if changes:
                    tell(changes)
                    seqs = [change.seq for change in changes]
                    connection.execute(query("forget_told"), {"seqs": seqs})
        return changes or None

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
