"""The tags as they must be once all is settled, from the bare facts, with none of our own code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import psycopg
from psycopg.rows import TupleRow

Place: TypeAlias = tuple[UUID, int]
"""A photo and the index of a face on it."""
Tags: TypeAlias = dict[Place, tuple[UUID, float | None]]
"""Who is tagged on each face, and how far the vector is; ``None``: somebody said so."""
Vector: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

ROUNDING = 1e-5

LIMITS_BY_USERS = (0.1, 0.02, 0.003)
"""The distance limit that follows the gallery, for up to 1, 2, and more users."""


@dataclass(frozen=True, slots=True)
class Face:
    """What is recorded of a face."""

    vector: Vector
    gallery: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is set."""

    max_distance: float | None = None
    min_margin: float | None = None
    follows: bool = False
    gallery_required: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """What people have said of a photo."""

    confirmed: UUID | None
    face_index: int | None
    rejected: frozenset[UUID]
    nobody: bool


_NO_WORDS = Words(None, None, frozenset(), nobody=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known: nothing of it is an answer that was given before."""

    faces: Mapping[UUID, Mapping[int, Face]]
    users: Mapping[UUID, Vector]
    members: Mapping[str, frozenset[UUID]]
    words: Mapping[UUID, Words]
    limits: Limits

    def candidates(self, gallery: str | None) -> Mapping[UUID, Vector]:
        """Who may be on a face in a gallery, or in none."""
        if gallery is None:
            return {} if self.limits.gallery_required else self.users
        members = self.members.get(gallery, frozenset())
        return {user_id: self.users[user_id] for user_id in self.users if user_id in members}

    def max_distance(self, gallery: str | None) -> float | None:
        """The limit of now: by how many are enrolled now, and not by what anybody has derived."""
        fixed = self.limits.max_distance
        if not self.limits.follows:
            return fixed
        users = len(self.users if gallery is None else self.candidates(gallery))
        derived = LIMITS_BY_USERS[0 if users <= 1 else 1 if users <= 2 else 2]
        return derived if fixed is None else min(fixed, derived)


def tags_by(facts: Facts) -> Tags:
    """One tag at most for each photo: on the first face for which somebody is found."""
    found: Tags = {}
    for photo_id, faces in facts.faces.items():
        said = facts.words.get(photo_id, _NO_WORDS)
        if said.nobody:
            continue
        if said.confirmed:
            index = said.face_index if said.face_index in faces else min(faces)
            assert index is not None
            vector = facts.candidates(faces[index].gallery).get(said.confirmed)
            far = None if vector is None else _distance(faces[index].vector, vector)
            found[photo_id, index] = said.confirmed, far
            continue
        for index in sorted(faces):
            best = _best(faces[index], facts, said.rejected)
            if best:
                found[photo_id, index] = best
                break
    return found


def _best(face: Face, facts: Facts, rejected: frozenset[UUID]) -> tuple[UUID, float] | None:
    possible = sorted(
        (_distance(face.vector, vector), user_id)
        for user_id, vector in facts.candidates(face.gallery).items()
        if user_id not in rejected
    )
    if not possible:
        return None
    distance, user_id = possible[0]
    limit = facts.max_distance(face.gallery)
    if limit is not None and distance > limit:
        return None
    if facts.limits.min_margin is not None and len(possible) > 1:
        second, _ = possible[1]
        if second - distance < facts.limits.min_margin:
            return None
    return user_id, distance


def _distance(one: Vector, other: Vector) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1 - float(np.dot(one, other)) / length


def facts_of(connection: psycopg.Connection[TupleRow], model: str) -> Facts:
    """Read them; ``connection`` gives vectors as such."""
    faces = defaultdict[UUID, dict[int, Face]](dict)
    for photo_id, index, vector, gallery in connection.execute(
        "select photo_id, face_index, embedding, gallery from photo_faces "
        "where model = %s and embedding is not null",
        [model],
    ):
        faces[photo_id][index] = Face(_exact(vector), gallery)
    members = connection.execute(
        "select gallery, array_agg(user_id) from face_gallery_members group by gallery"
    )
    limits = connection.execute(
        "select fixed_distance, min_margin, max_fpir is not null, gallery_required "
        "from face_match_limits"
    ).fetchone()
    users = {
        user_id: _exact(vector)
        for user_id, vector in connection.execute(
            "select id, face_embedding from users "
            "where face_embedding_model = %s and face_embedding is not null",
            [model],
        )
    }
    said = connection.execute(
        "select photo_id, decision, user_id, face_index from face_match_decisions"
    )
    return Facts(
        faces,
        users,
        {gallery: frozenset(user_ids) for gallery, user_ids in members},
        _words(said),
        Limits(*limits) if limits else Limits(),
    )


def _words(rows: Iterable[TupleRow]) -> dict[UUID, Words]:
    by_photo = defaultdict[UUID, list[TupleRow]](list)
    for photo_id, *word in rows:
        by_photo[photo_id].append(tuple(word))
    words = {}
    for photo_id, said in by_photo.items():
        confirmed = [(user_id, index) for word, user_id, index in said if word == "confirmed"]
        user_id, index = confirmed[0] if confirmed else (None, None)
        words[photo_id] = Words(
            user_id,
            index,
            frozenset(user_id for word, user_id, _ in said if word == "rejected"),
            nobody=any(word == "nobody" for word, *_ in said),
        )
    return words


def _exact(vector: Any) -> Vector:  # noqa: ANN401 - pgvector's own
    return np.asarray(vector.to_numpy(), np.float64)


def tags_of(connection: psycopg.Connection[TupleRow]) -> Tags:
    """The tags that there are."""
    rows = connection.execute(
        "select f.photo_id, f.face_index, m.user_id, m.confidence "
        "from face_matches as m join photo_faces as f on f.id = m.photo_face_id"
    )
    return {(photo_id, index): (user_id, far) for photo_id, index, user_id, far in rows}


def told(connection: psycopg.Connection[TupleRow]) -> Tags:
    """What somebody holds who has heard every change from the first one on."""
    heard: Tags = {}
    for photo_id, index, change, user_id, far in connection.execute(
        "select photo_id, face_index, change, user_id, distance from face_outbox order by seq"
    ):
        if change == "lost":
            heard.pop((photo_id, index), None)
        else:
            heard[photo_id, index] = user_id, far
    return heard


def differences(name: str, found: Tags, wanted: Tags) -> list[str]:
    """What is not as it must be, one sentence each."""
    return [
        f"{name}: photo {place[0].int % 1000} face {place[1]} shows {_shown(found.get(place))}, "
        f"must show {_shown(wanted.get(place))}"
        for place in sorted(found.keys() | wanted.keys())
        if not _same(found.get(place), wanted.get(place))
    ]


def _shown(tag: tuple[UUID, float | None] | None) -> str:
    if tag is None:
        return "nobody"
    user_id, far = tag
    at = "" if far is None else f" at {far:.4f}"
    return f"user {user_id.int % 1000}{at}"


def _same(one: tuple[UUID, float | None] | None, other: tuple[UUID, float | None] | None) -> bool:
    if one is None or other is None:
        return one is other
    if one[0] != other[0] or (one[1] is None) != (other[1] is None):
        return False
    return one[1] is None or other[1] is None or abs(one[1] - other[1]) <= ROUNDING
