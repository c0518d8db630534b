"""A database for one state machine after the other, and what holds in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import psycopg
from pgvector.psycopg import register_vector
from psycopg.rows import TupleRow

from connectors.postgres.setup.migrate import migrate
from dataflow.process.retry import LinearBackoff
from dataflow.settings import DatabaseSettings
from tests.builders import DIMENSION, photo, user
from tests.faults.law.oracle import differences, facts_of, tags_by, tags_of, told
from tests.faults.law.processes import Process
from tests.fixtures.recording import MODEL

PROCESSES = 3

_LOCK_TIMEOUT = "50ms"

_SPREAD = "alter table photo_faces set (fillfactor = 10, autovacuum_enabled = off)"
"""Few faces then fill several blocks, so that looking through them takes several steps."""

_EMPTY = """
truncate
    users, photos, photo_faces, face_matches, face_match_outcomes, face_match_decisions,
    face_match_limits, face_enrolments, face_enrolment_photos, user_embeddings,
    photo_face_embeddings, face_withdrawals, face_withdrawn_photos, face_rematches, face_outbox,
    face_gallery_members, face_gallery_limits, face_review_claims, face_decision_log,
    face_decision_log_words
"""


class Grounds:
    """The database, from outside; and the processes that work on it."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.platform: psycopg.Connection[TupleRow] = psycopg.connect(
            settings.dsn.get_secret_value(), autocommit=True
        )
        register_vector(self.platform)
        self.platform.execute("select set_config('lock_timeout', %s, false)", [_LOCK_TIMEOUT])
        self.platform.execute(_SPREAD)
        self.processes = [Process(settings, self._terminate) for _ in range(PROCESSES)]

    def _terminate(self, pid: int) -> None:
        """See to it that the server has noticed that somebody is gone."""
        self.platform.execute("select pg_terminate_backend(%s, 5000)", [pid])

    def clear(self, users: int, photos: int) -> None:
        """Leave nothing of what was there; then the platform lists users and photos."""
        with self.platform.transaction():
            self.platform.execute("set local session_replication_role = replica")
            self.platform.execute(_EMPTY)
        self.platform.execute(
            "insert into users (id) select unnest(%s::uuid[])",
            [[user(number + 1) for number in range(users)]],
        )
        self.platform.execute(
            "insert into photos (id) select unnest(%s::uuid[])",
            [[photo(number + 1) for number in range(photos)]],
        )

    def waits(self) -> bool:
        """Whether something has to be matched again."""
        return self._one("select exists (select from face_rematches)")

    def problems(self) -> list[str]:
        """What is not as the law has it, once all is settled."""
        wanted = tags_by(facts_of(self.platform, MODEL))
        return [
            *differences("tags", tags_of(self.platform), wanted),
            *self.untold(),
            *self._disagreeing(),
            *self._withdrawn(),
        ]

    def untold(self) -> list[str]:
        """Where a listener would hold something else than there is; that holds at any moment."""
        try:
            with self.platform.transaction():
                self.platform.execute("set transaction isolation level repeatable read")
                return differences("replay", told(self.platform), tags_of(self.platform))
        except psycopg.errors.LockNotAvailable:
            return []  # somebody who stands still has all of a table to himself

    def _disagreeing(self) -> Iterator[str]:
        """Outcomes that say something else than the tags."""
        rows = self.platform.execute(
            "select o.photo_id, o.reason, o.user_id, m.user_id "
            "from face_match_outcomes as o left join face_matches as m "
            "on m.on_photo_id = o.photo_id "
            "where (o.reason = 'matched') <> (m.user_id is not null) "
            "or (o.reason = 'matched' and o.user_id is distinct from m.user_id)"
        )
        for photo_id, reason, said, tagged in rows:
            yield f"photo {photo_id.int}: outcome {reason} of {said}, tagged {tagged}"

    def _withdrawn(self) -> Iterator[str]:
        """Faces on photos that somebody withdrew from."""
        rows = self.platform.execute(
            "select f.photo_id, f.face_index from photo_faces as f "
            "where exists (select from face_withdrawn_photos as w where w.photo_id = f.photo_id)"
        )
        for photo_id, index in rows:
            yield f"photo {photo_id.int} was withdrawn, and has face {index}"

    def _one(self, query: str) -> bool:
        row = self.platform.execute(query.encode()).fetchone()
        return bool(row and row[0])

    def close(self) -> None:
        """Let go of all connections."""
        for process in self.processes:
            process.close()
        self.platform.close()


@contextmanager
def grounds(settings: DatabaseSettings) -> Iterator[Grounds]:
    """Migrate an empty database and make all steps small."""
    migrate(settings, DIMENSION)
    once = LinearBackoff(tries=1, step_s=0)
    driver = logging.getLogger("psycopg")
    with ExitStack() as stack:
        # Connections that are cut are what this is about, and no news.
        stack.callback(driver.setLevel, driver.level)
        driver.setLevel(logging.CRITICAL)
        stack.enter_context(patch("connectors.postgres.gallery.search.log"))
        stack.enter_context(patch("connectors.postgres.gallery.enrolments._PATIENCE", once))
        stack.enter_context(patch("connectors.postgres.tags.sifting.BLOCKS", 1))
        stack.enter_context(patch("connectors.postgres.tags.sifting.FEW", 1))
        stack.enter_context(patch("connectors.postgres.tags.rematching.PHOTOS_AT_A_TIME", 2))
        made = Grounds(settings)
        stack.callback(made.close)
        yield made
