"""What a person is shown of a photo: its face, who is tagged, and who else it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors.postgres.gallery.candidates import words
from connectors.postgres.gallery.search import nearest_fellows
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from dataflow.faces.face import Embedding
from dataflow.steps.matching import NOTHING_SAID, Candidate, Said

SHOWN = 3
"""The nearest user and the two next."""


@dataclass(frozen=True, slots=True)
class Card:
    """One photo to look at.

    ``user_id`` is who is tagged, at ``distance`` (cosine, in [0, 2]); ``candidates`` are the
    nearest users of its gallery now, also rejected ones. ``bbox`` is in pixels of the upright
    photo. ``version`` changes whenever the tag or what was said of it does.
    """

    photo_id: UUID
    said: Said
    version: str
    candidates: Sequence[Candidate]
    reason: str | None
    settled_at: datetime | None
    margin: float | None
    face_index: int
    bbox: Mapping[str, float]
    user_id: UUID | None
    distance: float | None
    claimed_by: str | None


def cards(connection: Connection, photo_ids: Sequence[UUID], rules: Rules) -> list[Card]:
    """Cards of some photos, in that order; a photo that is gone, or has no face, is left out.

    Args:
        connection: to the database.
        photo_ids: the photos.
        rules: which vectors are compared, and whether those without a gallery are.
    """
    asked = {"photo_ids": list(photo_ids)}
    rows = connection.execute(query("review_cards"), asked, binary=True).fetchall()
    said = words(connection.execute(query("decisions"), asked).fetchall())
    known = versions(connection, photo_ids)
    near = _nearest(connection, rows, rules)
    made = {
        photo_id: Card(
            photo_id,
            said.get(photo_id, NOTHING_SAID),
            known[photo_id],
            near.get(photo_id, ()),
            *shown,
        )
        for photo_id, *shown, _, _, _ in rows
    }
    return [made[photo_id] for photo_id in photo_ids if photo_id in made]


def versions(connection: Connection, photo_ids: Sequence[UUID]) -> dict[UUID, str]:
    """A word for each photo that changes whenever its tags, or what was said of it, do."""
    asked = {"photo_ids": list(photo_ids)}
    return dict(connection.execute(query("review_versions"), asked).fetchall())


def _nearest(
    connection: Connection, rows: Sequence[Any], rules: Rules
) -> dict[UUID, Sequence[Candidate]]:
    comparable: list[tuple[UUID, str | None, Embedding]] = [
        (photo_id, gallery, vector.to_numpy())
        for photo_id, *_, gallery, its_model, vector in rows
        if its_model == rules.model and vector is not None
    ]
    vectors = [vector for _, _, vector in comparable]
    galleries = [frozenset({gallery} if gallery else ()) for _, gallery, _ in comparable]
    required = rules.policy.gallery_required
    found = nearest_fellows(
        connection, vectors, galleries, rules.model, SHOWN, gallery_required=required
    )
    return {photo_id: near for (photo_id, _, _), near in zip(comparable, found, strict=True)}
