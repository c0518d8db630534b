"""Enrolling users: several photos of each become one vector, if they are good and agree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Protocol, TypeAlias
from uuid import UUID

import numpy as np

from dataflow.faces.face import Embedding, FacePack, Quality
from dataflow.faces.quality import POLICIES, LowQualityError
from dataflow.jobs.errors import DataError
from dataflow.steps.matching import Candidate
from dataflow.steps.recognition import recognise

USERS_AT_A_TIME = 32
"""Stored together; what an interruption costs at most."""

_PAIR = 2


class Status(StrEnum):
    """What became of a user. The codes are stable."""

    ENROLLED = "enrolled"
    UNCHANGED = "unchanged"
    NO_USABLE_PHOTO = "no_usable_photo"
    CLASHES = "clashes_with_user"
    UNKNOWN_USER = "unknown_user"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Offer:
    """The photos by which a user shall be enrolled: paths, or ``minio://<bucket>/<key>``.

    ``consent`` is the version of the terms that the user agreed to, if that is known.
    """

    user_id: UUID
    photos: tuple[str, ...]
    consent: str | None = None


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo that shows one face, well enough."""

    photo: str
    sha256: str
    embedding: Embedding
    quality: Quality | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was not used, and why; ``reason`` is a stable code."""

    photo: str
    reason: str
    detail: str
    sha256: str = ""
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a user's photos came to. ``embedding`` is ``None`` when no photo could be used.

    ``clash`` is another user who is nearer than two people should be.
    """

    user_id: UUID
    status: Status
    embedding: Embedding | None = None
    used: Sequence[Portrait] = ()
    refused: Sequence[Refusal] = ()
    fingerprint: str = ""
    clash: Candidate | None = None
    consent: str | None = None


class Register(Protocol):
    """Where enrolled users are kept."""

    def fingerprints(self, user_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """By which photos they were enrolled, as far as their vectors are still of those."""

    def nearest(self, embeddings: Sequence[Embedding], count: int) -> list[list[Candidate]]:
        """The nearest enrolled users of each vector."""

    def withdrawn(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Those who do not want to be recognised any more, and have not agreed again."""

    def agreed(self, consents: Mapping[UUID, str]) -> None:
        """Note to which terms users have agreed who are enrolled already."""

    def save(self, enrolments: Sequence[Enrolment]) -> Mapping[UUID, Status]:
        """Store a batch, all or nothing; returns the users who are left out, and why."""


Examined: TypeAlias = Portrait | Refusal


def mean_embedding(embeddings: Iterable[Embedding]) -> Embedding:
    """The unit-length mean of unit vectors, shape (dimension,)."""
    mean = np.mean(list(embeddings), axis=0)
    unit: Embedding = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def without_outliers(
    portraits: Sequence[Portrait], threshold: float
) -> tuple[list[Portrait], list[Refusal]]:
    """Refuse the photos that are unlike the user's others, the most unlike one first.

    A photo is compared with the mean of the others, so one odd photo among three does not make the
    good ones look odd for long: it goes first. Of two that disagree nobody can say which is wrong.
    """
    kept, refused = list(portraits), []
    while len(kept) >= _PAIR:
        distances = [
            _distance(kept[i].embedding, [other.embedding for other in kept[:i] + kept[i + 1 :]])
            for i in range(len(kept))
        ]
        worst = int(np.argmax(distances))
        if distances[worst] <= threshold:
            break
        for odd in list(kept) if len(kept) == _PAIR else [kept[worst]]:
            detail = f"at distance {distances[worst]:.2f} from the others, at most {threshold:.2f}"
            refused.append(Refusal(odd.photo, "unlike_others", detail, odd.sha256, odd.quality))
            kept.remove(odd)
    return kept, refused


def _distance(embedding: Embedding, others: Sequence[Embedding]) -> float:
    return float(1 - embedding @ mean_embedding(others))


@dataclass(frozen=True, slots=True)
class Examiner:
    """Looks at enrolment photos. ``read`` gets the bytes of one."""

    pack: FacePack
    read: Callable[[str], bytes]
    max_pixels: int
    quality: str = "strict"

    def hash(self, photo: str) -> str:
        """The sha256 of a photo in hex; of one that cannot be read, something of its own."""
        try:
            return _sha256(self.read(photo))
        except (OSError, DataError):
            return f"unreadable {photo}"

    def examine(self, photo: str) -> Examined:
        """Find the one face of a photo, or say why it cannot be used."""
        sha256 = ""
        try:
            data = self.read(photo)
            sha256 = _sha256(data)
            face = recognise(data, self.pack, self.max_pixels, POLICIES[self.quality])
        except OSError as error:
            return Refusal(photo, "unreadable_file", error.strerror or str(error))
        except LowQualityError as error:
            return Refusal(photo, str(error.flaw), error.detail, sha256, error.quality)
        except DataError as error:
            return Refusal(photo, str(error.reason), str(error), sha256)
        return Portrait(photo, sha256, face.embedding, face.quality)

    def fingerprint(self, hashes: Iterable[str]) -> str:
        """A name for the photos that were offered and the rules that they had to pass."""
        return _sha256("\n".join([self.quality, *sorted(set(hashes))]).encode())

    def enrolment(self, user_id: UUID, photos: Iterable[Examined]) -> Enrolment:
        """What a user's photos come to, seen together."""
        portraits: dict[str, Portrait] = {}
        refused: list[Refusal] = []
        hashes = []
        for photo in photos:
            hashes.append(photo.sha256 or f"unreadable {photo.photo}")
            if isinstance(photo, Refusal):
                refused.append(photo)
            elif photo.sha256 in portraits:
                detail = f"the same as {portraits[photo.sha256].photo}"
                refused.append(Refusal(photo.photo, "same_photo", detail))
            else:
                portraits[photo.sha256] = photo
        used, unlike = without_outliers(list(portraits.values()), self.pack.threshold)
        return Enrolment(
            user_id,
            Status.ENROLLED if used else Status.NO_USABLE_PHOTO,
            mean_embedding(portrait.embedding for portrait in used) if used else None,
            used,
            refused + unlike,
            self.fingerprint(hashes),
        )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Enroller:
    """Enrols users, batch by batch: what is done is stored, and is not done again.

    A user who is nearer to another one than ``min_distance`` is refused, unless ``min_distance`` is
    ``None``. ``keep`` makes of a used photo a reference that lasts.
    """

    examiner: Examiner
    register: Register
    pool: Executor
    min_distance: float | None
    dry_run: bool = False
    keep: Callable[[UUID, Portrait], str] = field(default=lambda _user, portrait: portrait.photo)

    def enrol(self, offers: Iterable[Offer]) -> Iterator[Enrolment]:
        """Enrol all of them, in order."""
        waiting = iter(offers)
        while batch := list(islice(waiting, USERS_AT_A_TIME)):
            yield from self._enrol(batch)

    def _enrol(self, offers: Sequence[Offer]) -> list[Enrolment]:
        withdrawn = self.register.withdrawn([offer.user_id for offer in offers])
        willing = [offer for offer in offers if offer.user_id not in withdrawn]
        unchanged = self._unchanged(willing)
        changed = [offer for offer in willing if offer.user_id not in unchanged]
        photos = (photo for offer in changed for photo in offer.photos)
        examined = self.pool.map(self.examiner.examine, photos)
        enrolments = self._apart(
            [
                replace(
                    self.examiner.enrolment(offer.user_id, islice(examined, len(offer.photos))),
                    consent=offer.consent,
                )
                for offer in changed
            ]
        )
        good = [enrolment for enrolment in enrolments if enrolment.status is Status.ENROLLED]
        left_out = dict.fromkeys(withdrawn, Status.WITHDRAWN)
        if good and not self.dry_run:
            left_out |= self.register.save([self._kept(enrolment) for enrolment in good])
        if not self.dry_run:
            agreed = {o.user_id: o.consent for o in offers if o.user_id in unchanged and o.consent}
            self.register.agreed(agreed)
        done = {
            offer.user_id: Enrolment(offer.user_id, Status.UNCHANGED, consent=offer.consent)
            for offer in offers
        } | {enrolment.user_id: enrolment for enrolment in enrolments}
        return [replace(e, status=left_out.get(e.user_id, e.status)) for e in done.values()]

    def _unchanged(self, offers: Sequence[Offer]) -> set[UUID]:
        """Users who were enrolled by these very photos already."""
        known = self.register.fingerprints([offer.user_id for offer in offers])
        return {
            offer.user_id
            for offer in offers
            if offer.user_id in known
            and known[offer.user_id]
            == self.examiner.fingerprint(self.pool.map(self.examiner.hash, offer.photos))
        }

    def _apart(self, enrolments: Sequence[Enrolment]) -> list[Enrolment]:
        """Refuse those who are too near to another user: one enrolled, or one before them here."""
        limit = self.min_distance
        good = [e.embedding for e in enrolments if e.embedding is not None]
        if limit is None or not good:
            return list(enrolments)
        # So many that the users of this batch, whose vectors are about to change, hide nobody.
        enrolled = iter(self.register.nearest(good, len(enrolments) + 1))
        accepted: dict[UUID, Embedding] = {}
        judged = []
        for enrolment in enrolments:
            embedding = enrolment.embedding
            if embedding is None:
                judged.append(enrolment)
                continue
            others = [c for c in next(enrolled) if c.user_id not in accepted]
            others += [Candidate(u, float(1 - embedding @ other)) for u, other in accepted.items()]
            others = [c for c in others if c.user_id != enrolment.user_id and c.distance < limit]
            nearest = min(others, key=lambda candidate: candidate.distance, default=None)
            if nearest:
                judged.append(replace(enrolment, status=Status.CLASHES, clash=nearest))
            else:
                accepted[enrolment.user_id] = embedding
                judged.append(enrolment)
        return judged

    def _kept(self, enrolment: Enrolment) -> Enrolment:
        used = [replace(p, photo=self.keep(enrolment.user_id, p)) for p in enrolment.used]
        return replace(enrolment, used=used)
