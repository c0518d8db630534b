"""What matching again would change: the same look and the same decision, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import require_comparable
from connectors.postgres.tags.answers import Answer
from connectors.postgres.tags.deciding import Rules, decide_again, plan_of
from connectors.postgres.tags.rematching import in_parts, photos_to_decide
from connectors.postgres.tags.requests import Wish
from connectors.postgres.tags.sifting import Blocks
from connectors.postgres.tags.waiting import Request, face_blocks


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What would be decided of a few photos, and how many blocks of faces were looked through."""

    answers: Sequence[Answer]
    done: int
    total: int


def foretell(database: Database, wish: Wish, rules: Rules) -> Iterator[Glimpse]:
    """Decide as `Rematching` would, in transactions that only read and lock no row.

    Raises:
        ConfigurationError: the users were moved to another model.
        TransientError, SystemicError: the database did not answer.
    """
    with database.connection() as connection:
        require_comparable(connection, rules.model)
        total, place = face_blocks(connection), 0
        while True:
            blocks = Blocks.after(place, total, rules.model, len(wish.user_ids) or None)
            photo_ids = photos_to_decide(connection, _requests(wish), blocks, rules)
            for some in in_parts(photo_ids):
                plan = plan_of(connection, rules)
                with connection.transaction():
                    connection.execute("set transaction read only")
                    answers = decide_again(connection, some, rules, plan, None)
                yield Glimpse(answers, place, total)
            place = blocks.end
            yield Glimpse((), place, total)
            if place >= total:
                return


def _requests(wish: Wish) -> list[Request]:
    """The rows that the wish would leave."""
    return [
        Request(
            0, user_id, None, wish.since, "rematch", None, 0, 0, begun=True, gallery=wish.gallery
        )
        for user_id in wish.user_ids or (None,)
    ]
