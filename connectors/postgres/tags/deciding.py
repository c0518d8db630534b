"""Deciding again whom recorded photos show, by what is known now; no image is looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.gallery.candidates import Judgement, Question, candidates, judged, words
from connectors.postgres.gallery.search import current_plan, vector_dimension
from connectors.postgres.photos.ended import columns
from connectors.postgres.photos.limits import limits_of, policies
from connectors.postgres.sql_files import query
from connectors.postgres.tags.answers import Answer, Decided, Face, decide
from dataflow.gallery.policies import Policies
from dataflow.gallery.search import Plan
from dataflow.jobs.errors import DataError
from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import NOTHING_SAID, MatchPolicy

Connection = psycopg.Connection[TupleRow]

_TRIES = 10
"""How often a search may find somebody who is gone when the answer is written."""


@dataclass(frozen=True, slots=True)
class Rules:
    """By what it is decided: limits and contract of the workers.

    Without ``move``, a tag that nobody has confirmed stays although another user is nearer now.
    """

    policy: MatchPolicy
    model: str
    move: bool = True


def decide_again(
    connection: Connection,
    photo_ids: Sequence[UUID],
    rules: Rules,
    plan: Plan,
    detail: str | None,
) -> list[Answer]:
    """Decide some photos by what is known now, and bring their tags and outcomes to it.

    In a transaction, after `enter_gate.sql`, whose `say_why.sql` names the cause; it locks the
    photos until that ends. ``plan`` is how the users are searched, ``detail`` what the outcome
    says; without it nothing is written.

    Raises:
        DataError: whoever was found was gone each time before the answer was written, or the
            database refuses a row.
    """
    asked = {"photo_ids": list(photo_ids)}
    if detail:
        connection.execute(query("lock_photos"), asked)
    rows = connection.execute(query("recorded_faces"), asked, binary=True).fetchall()
    faces = [_face(*row) for row in rows]
    for _ in range(_TRIES):
        said = words(connection.execute(query("decisions"), asked).fetchall())
        judged = _judged(connection, faces, rules, plan)
        staying = {} if rules.move else _staying(connection, faces, rules)
        decided = [
            decide(of_photo, judged, said.get(photo_id, NOTHING_SAID), staying)
            for photo_id, of_photo in _by_photo(faces).items()
        ]
        if not (detail and _write(connection, decided, judged, rules, detail)):
            return [one.answer for one in decided]
    raise DataError(Reason.WRITE_REJECTED, "users who are to be tagged are gone again and again")


def _face(*row: Any) -> Face:  # noqa: ANN401 - the columns of `recorded_faces.sql`
    photo_id, face_id, index, gallery, model, vector, user_id, distance, *compared = row
    names = ("nearest_user_id", "nearest_distance", "second_user_id", "second_distance")
    known = dict(zip(names, compared, strict=True))
    embedding = None if vector is None else vector.to_numpy()
    return Face(photo_id, face_id, index, gallery, model, embedding, user_id, distance, known)


def _by_photo(faces: Iterable[Face]) -> dict[UUID, list[Face]]:
    photos: dict[UUID, list[Face]] = {}
    for face in faces:
        photos.setdefault(face.photo_id, []).append(face)
    return photos


def _judged(
    connection: Connection, faces: Sequence[Face], rules: Rules, plan: Plan
) -> dict[UUID, Judgement]:
    """What is decided of each face of the contract, by the ids of the faces."""
    comparable = [
        (face.id, Question(face.photo_id, face.embedding, face.gallery))
        for face in faces
        if face.model == rules.model and face.embedding is not None
    ]
    if not comparable:
        return {}
    questions = [question for _, question in comparable]
    limits = policies_of(connection, rules, {question.gallery for question in questions})
    required = rules.policy.gallery_required
    found = candidates(connection, questions, rules.model, plan, gallery_required=required)
    judgements = judged(found, limits)
    return {face_id: one for (face_id, _), one in zip(comparable, judgements, strict=True)}


def plan_of(connection: Connection, rules: Rules) -> Plan:
    """How everybody is searched; not within a transaction, since it sets something of the session.

    Where a gallery is required nobody is searched like that.
    """
    if rules.policy.gallery_required:
        return Plan(0)
    return current_plan(connection, rules.model, vector_dimension(connection))


def policies_of(
    connection: Connection, rules: Rules, galleries: Collection[str | None]
) -> Policies:
    """What decides on faces of some galleries."""
    if not any(galleries):
        return Policies(rules.policy)
    return policies(connection, limits_of(connection, rules.model), rules.policy, galleries)


def _staying(connection: Connection, faces: Sequence[Face], rules: Rules) -> dict[UUID, float]:
    """Tags whose users are enrolled still, by the ids of the faces; and how far they are now."""
    tagged = [
        (face.id, face.user_id, face.embedding, face.gallery)
        for face in faces
        if face.user_id
        and face.model == rules.model
        and face.embedding is not None
        # Where a gallery is required, no tag stays on a face that belongs to none.
        and not (rules.policy.gallery_required and face.gallery is None)
    ]
    asked = {
        "user_ids": [user_id for _, user_id, _, _ in tagged],
        "embeddings": [embedding for _, _, embedding, _ in tagged],
        "galleries": [gallery for _, _, _, gallery in tagged],
        "model": rules.model,
    }
    rows = connection.execute(query("confirmed_users"), asked) if tagged else ()
    return {tagged[index][0]: distance for index, _, distance in rows}


def _write(
    connection: Connection,
    decided: Sequence[Decided],
    judged: Mapping[UUID, Judgement],
    rules: Rules,
    detail: str,
) -> bool:
    """Bring the rows to it; returns whether somebody's user was gone, so that it is to do again."""
    tags = [tag for one in decided for tag in _tags(one)]
    if tags:
        wanted = {
            "model": rules.model,
            "face_id": [face.id for face, _ in tags],
            "user_id": [match.user_id if match else None for _, match in tags],
            "distance": [match.distance if match else None for _, match in tags],
        }
        connection.execute(query("lock_tagged"), {"user_ids": wanted["user_id"]})
        if connection.execute(query("settle_tags"), wanted).fetchall():
            return True
    compared = [
        {"face_id": face.id, **judged[face.id].compared}
        for one in decided
        for face in one.faces
        if face.id in judged and judged[face.id].compared != face.compared
    ]
    if compared:
        connection.execute(query("note_nearest"), columns(compared))
    outcomes = [_outcome(one, judged, rules.model) for one in decided if one.alone]
    if outcomes:
        connection.execute(query("amend_outcomes"), {"detail": detail, **columns(outcomes)})
    return False


def _tags(one: Decided) -> list[tuple[Face, Match | None]]:
    """The faces of a photo whose tags are not as decided, with what they shall be."""
    found = []
    for face in one.faces:
        match = one.tags.get(face.id)
        have = (face.user_id, face.distance)
        want = (match.user_id, match.distance) if match else (None, None)
        if have != want:
            found.append((face, match))
    return found


def _outcome(one: Decided, judged: Mapping[UUID, Judgement], model: str) -> dict[str, Any]:
    answer, match = one.answer, one.answer.match
    reason = answer.reason
    is_match = reason is Reason.MATCHED
    first = next((judged[face.id] for face in one.faces if face.id in judged), None)
    near = first.compared if first and not is_match and reason is not Reason.NOBODY else {}
    return {
        "photo_id": answer.photo_id,
        "outcome": str(reason.outcome),
        "reason": str(reason),
        "user_id": match.user_id if match and is_match else None,
        "distance": match.distance if match else None,
        "within_threshold": match.within_threshold if match else None,
        "margin": match.margin if match else None,
        "nearest_user_id": near.get("nearest_user_id"),
        "second_user_id": near.get("second_user_id"),
        "model": model if first else None,
    }
