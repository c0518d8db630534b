"""Mistakes that the law must find out, each put in the place of what is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from unittest.mock import patch
from uuid import UUID

import connectors.postgres.gallery.search
import connectors.postgres.photos.following
import connectors.postgres.photos.recorder
import connectors.postgres.tags.rematching
import connectors.postgres.tags.sifting
from connectors.postgres.photos.following import follow_gallery
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags import deciding
from connectors.postgres.tags.answers import Answer
from connectors.postgres.tags.rematching import Piece, Rematching
from dataflow.gallery.search import Plan
from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import NOTHING_SAID, Candidate, MatchPolicy, Said

Mistake = Callable[[], AbstractContextManager[object]]
Query = Callable[[str], str]


@contextmanager
def nothing_is_matched_again() -> Iterator[None]:
    """What waits is struck off."""

    def step(self: Rematching) -> Piece | None:
        with self.database.connection() as connection:
            connection.execute("delete from face_rematches")
        return None

    with patch.object(Rematching, "step", step):
        yield


def only_the_nearest_counts() -> AbstractContextManager[object]:
    """A face is passed over whose second-nearest user alone has changed: the ambiguous ones."""
    return _altered(
        connectors.postgres.tags.sifting,
        {
            "or second_user_id = any(%(user_ids)s::uuid[])": "",
            "coalesce(second_distance, 3)": "coalesce(nearest_distance, 3)",
            "nearest_user_id, second_user_id, second_distance": (
                "nearest_user_id, null::uuid, nearest_distance"
            ),
        },
    )


def the_limit_stays_where_it_is() -> AbstractContextManager[object]:
    """Users come and go, and the limit that follows them is that of the start."""
    return patch.object(
        connectors.postgres.tags.rematching, "follow_gallery", lambda _connection, _model: None
    )


def a_step_asks_for_nothing() -> AbstractContextManager[object]:
    """The limit moves with the users, and no face is matched again for that."""

    def follow(connection: Connection, model: str) -> None:
        if follow_gallery(connection, model):
            connection.execute("delete from face_rematches where above is not null")

    return patch.object(connectors.postgres.tags.rematching, "follow_gallery", follow)


def galleries_are_not_heeded() -> AbstractContextManager[object]:
    """A face that belongs to a gallery is compared with all members of any."""
    return _altered(
        connectors.postgres.gallery.search,
        {
            "where m.gallery = faces.gallery": "where true",
            "where m.gallery = %(gallery)s": "where true",
        },
    )


def sifting_does_not_heed_galleries() -> AbstractContextManager[object]:
    """Faces of all galleries are compared with a user who has changed; the answers stay right."""
    return _altered(
        connectors.postgres.tags.sifting,
        {
            "gallery is not distinct from %(gallery)s::text": "%(gallery)s::text is not null",
        },
    )


def all_galleries_have_one_limit() -> AbstractContextManager[object]:
    """The limit of a gallery stays that of a single member, however many it has."""
    return _altered(connectors.postgres.photos.following, {"group by": "and false group by"})


@contextmanager
def members_come_and_go_unnoticed() -> Iterator[None]:
    """What waits because somebody was added to a gallery, or removed, is struck off."""
    step = Rematching.step

    def forgetful(self: Rematching) -> Piece | None:
        with self.database.connection() as connection:
            connection.execute("delete from face_rematches where gallery is not null")
        return step(self)

    with patch.object(Rematching, "step", forgetful):
        yield


@contextmanager
def words_hold_once() -> Iterator[None]:
    """Matching again moves a tag although somebody has confirmed it."""

    class Deaf(MatchPolicy):
        def decide(
            self,
            nearest: Sequence[Candidate],
            said: Said = NOTHING_SAID,
            gallery: str | None = None,
        ) -> tuple[Reason, Match | None]:
            return super().decide(nearest, replace(said, confirmed=None), gallery)

    def deaf(
        connection: deciding.Connection,
        photo_ids: Sequence[UUID],
        rules: deciding.Rules,
        plan: Plan,
        detail: str | None,
    ) -> list[Answer]:
        policy = Deaf(**asdict(rules.policy))
        heard = replace(rules, policy=policy)
        return deciding.decide_again(connection, photo_ids, heard, plan, detail)

    with patch.object(connectors.postgres.tags.rematching, "decide_again", deaf):
        yield


def jobs_pass_by_the_gate() -> AbstractContextManager[object]:
    """A job searches, the users change and are matched again, and then the job writes."""
    return _altered(
        connectors.postgres.photos.recorder, {"pg_advisory_xact_lock_shared(1344253153)": "1"}
    )


def a_new_file_is_not_noticed() -> AbstractContextManager[object]:
    """The faces lie elsewhere after a rewrite of their table, and are sought on where they lay."""
    return _altered(
        connectors.postgres.tags.rematching, {"pg_relation_filenode('photo_faces')": "1::oid"}
    )


def _altered(module: object, parts: Mapping[str, str]) -> AbstractContextManager[object]:
    """The statements of a module, with some of their parts replaced."""

    def altered(name: str) -> str:
        text: str = query(name)
        for part, other in parts.items():
            text = text.replace(part, other)
        return text

    return patch.object(module, "query", altered)


MISTAKES: Mapping[str, Mistake] = {
    mistake.__name__: mistake
    for mistake in (
        nothing_is_matched_again,
        only_the_nearest_counts,
        galleries_are_not_heeded,
        members_come_and_go_unnoticed,
        all_galleries_have_one_limit,
        words_hold_once,
        jobs_pass_by_the_gate,
    )
}
