"""A register of enrolled users in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from dataflow.faces.face import Embedding
from dataflow.gallery.enrolment import Enrolment, Judge, Status
from dataflow.steps.matching import Candidate


@dataclass
class MemoryRegister:
    """Users in memory; ``unknown`` are not the platform's yet, ``gone`` have withdrawn."""

    users: dict[UUID, tuple[Embedding, str]] = field(default_factory=dict)
    unknown: frozenset[UUID] = frozenset()
    gone: set[UUID] = field(default_factory=set)
    consents: dict[UUID, str] = field(default_factory=dict)
    saved: list[int] = field(default_factory=list)
    places: dict[UUID, set[str]] = field(default_factory=dict)
    required: bool = False
    photos: dict[UUID, int] = field(default_factory=dict)

    def fingerprints(self, user_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        return {u: self.users[u][1] for u in user_ids if u in self.users}

    def photo_counts(self, user_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        return {user: self.photos[user] for user in user_ids if user in self.photos}

    def count(self) -> int:
        return len(self.users)

    def galleries(self, user_ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
        return {user: frozenset(self.places[user]) for user in user_ids if user in self.places}

    def members(self, galleries: Collection[str]) -> Mapping[str, int]:
        return {name: sum(name in mine for mine in self.places.values()) for name in galleries}

    def gallery_required(self) -> bool:
        return self.required

    def join(self, galleries: Mapping[UUID, Sequence[str]]) -> None:
        for user, names in galleries.items():
            self.places.setdefault(user, set()).update(names)

    def nearest(
        self, embeddings: Sequence[Embedding], galleries: Sequence[frozenset[str]], count: int
    ) -> list[list[Candidate]]:
        return [
            sorted(
                (
                    Candidate(user, float(1 - e @ other))
                    for user, (other, _) in self.users.items()
                    if not names or names & self.places.get(user, set())
                ),
                key=lambda candidate: candidate.distance,
            )[:count]
            for e, names in zip(embeddings, galleries, strict=True)
        ]

    def withdrawn(self, user_ids: Sequence[UUID]) -> set[UUID]:
        return self.gone & set(user_ids)

    def agreed(self, consents: Mapping[UUID, str]) -> None:
        self.consents |= consents

    def save(self, enrolments: Sequence[Enrolment], judge: Judge | None = None) -> list[Enrolment]:
        self.saved.append(len(enrolments))
        ended = []
        for enrolment in judge(enrolments, self) if judge else enrolments:
            assert enrolment.embedding is not None
            if enrolment.status is not Status.ENROLLED:
                ended.append(enrolment)
            elif enrolment.user_id in self.unknown:
                ended.append(replace(enrolment, status=Status.UNKNOWN_USER))
            else:
                self.users[enrolment.user_id] = enrolment.embedding, enrolment.fingerprint
                self.photos[enrolment.user_id] = len(enrolment.used)
                self.join({enrolment.user_id: enrolment.galleries})
                ended.append(enrolment)
        return ended
