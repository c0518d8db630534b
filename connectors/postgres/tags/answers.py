"""What is decided of one photo, from its faces and what people have said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from connectors.postgres.gallery.candidates import Judgement
from dataflow.faces.face import Embedding
from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import Said


@dataclass(frozen=True, slots=True)
class Face:
    """A recorded face, who is tagged on it, and what it was last compared with."""

    photo_id: UUID
    id: UUID
    face_index: int
    gallery: str | None
    model: str
    embedding: Embedding | None
    user_id: UUID | None
    distance: float | None
    compared: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided of a photo: who was tagged, and who is now; ``None``: nobody.

    Where several people are tagged on it, it is about the first whose tag changes.
    """

    photo_id: UUID
    before: UUID | None
    now: UUID | None
    reason: Reason
    match: Match | None = None

    @property
    def change(self) -> str | None:
        """What became of the tag, in the feed's words."""
        if self.before == self.now:
            return None
        if self.now is None:
            return "lost"
        return "moved" if self.before else "gained"


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of a photo, and the tags that its faces shall have, by their ids.

    ``alone``: it shows one person, as far as is known, so that its outcome is ours.
    """

    answer: Answer
    faces: Sequence[Face]
    tags: Mapping[UUID, Match]
    alone: bool = True


def decide(
    faces: Sequence[Face],
    judged: Mapping[UUID, Judgement],
    said: Said,
    staying: Mapping[UUID, float],
) -> Decided:
    """A photo has at most one tag: that of the first face for which somebody is found."""
    if sum(face.user_id is not None for face in faces) > 1:
        return _of_several(faces, said)
    tagged = next((face for face in faces if face.user_id), None)
    before = tagged.user_id if tagged else None
    answers = {face.id: _answer(face, judged.get(face.id), said) for face in faces}
    stays = tagged and tagged.id in staying and tagged.user_id not in said.rejected
    if tagged and tagged.user_id and stays and not (said.confirmed or said.nobody):
        answers[tagged.id] = (Reason.MATCHED, _kept(tagged.user_id, tagged.id, judged, staying))
        candidates = [tagged]
    else:
        named = [face for face in faces if face.face_index == said.face_index]
        candidates = named if said.confirmed and named else list(faces)
    for face in candidates:
        reason, match = answers[face.id]
        if reason is Reason.MATCHED and match:
            answer = Answer(face.photo_id, before, match.user_id, reason, match)
            return Decided(answer, faces, {face.id: match})
    first = next((face for face in faces if face.id in judged), faces[0])
    reason, match = answers[first.id]
    return Decided(Answer(first.photo_id, before, None, reason, match), faces, {})


def _of_several(faces: Sequence[Face], said: Said) -> Decided:
    """A photo of several people, whom somebody else has tagged: only words change anything."""
    tags = {
        face.id: Match(face.user_id, face.distance, None)
        for face in faces
        if face.user_id and not said.nobody and face.user_id not in said.rejected
    }
    if said.confirmed and said.confirmed not in {tag.user_id for tag in tags.values()}:
        named = [face for face in faces if face.face_index == said.face_index]
        free = [face for face in faces if face.id not in tags]
        face, *_ = [*named, *free, *faces]
        tags[face.id] = Match(said.confirmed, None, None)
    users = {face.id: tags[face.id].user_id if face.id in tags else None for face in faces}
    changed = [face for face in faces if users[face.id] != face.user_id]
    face, *_ = changed or [face for face in faces if face.user_id]
    gone = Reason.NOBODY if said.nobody else Reason.NO_USER_WITHIN_DISTANCE
    reason = Reason.MATCHED if users[face.id] else gone
    answer = Answer(face.photo_id, face.user_id, users[face.id], reason, tags.get(face.id))
    return Decided(answer, faces, tags, alone=False)


def _answer(face: Face, judgement: Judgement | None, said: Said) -> tuple[Reason, Match | None]:
    if judgement:
        return judgement.reason, judgement.match
    # Of another contract: only people can say more of it than was recorded.
    if said.nobody:
        return Reason.NOBODY, None
    if said.confirmed:
        distance = face.distance if face.user_id == said.confirmed else None
        return Reason.MATCHED, Match(said.confirmed, distance, None)
    if face.user_id and face.user_id not in said.rejected:
        return Reason.MATCHED, Match(face.user_id, face.distance, None)
    return Reason.NO_ENROLLED_USERS, None


def _kept(
    user_id: UUID, face_id: UUID, judged: Mapping[UUID, Judgement], staying: Mapping[UUID, float]
) -> Match:
    """The tag that stays; all is known of it where its user is the nearest too."""
    judgement = judged.get(face_id)
    if judgement and judgement.match and judgement.match.user_id == user_id:
        return judgement.match
    return Match(user_id, staying[face_id], None)
