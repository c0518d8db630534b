"""Enrolling users: several photos of each become one vector, if they are good and agree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias
from uuid import UUID

import numpy as np

from dataflow.faces.choosing import Chooser
from dataflow.faces.face import EmbeddedFace, Embedding, FacePack, Quality
from dataflow.faces.packs.far_table import far_table_of_contract
from dataflow.faces.policies import enrolment_policy
from dataflow.faces.quality import POLICIES, LowQualityError, QualityPolicy
from dataflow.gallery.bystanders import CHOOSERS, REFUSE
from dataflow.jobs.errors import DataError
from dataflow.steps.matching import Candidate
from dataflow.steps.recognition import recognise

USERS_AT_A_TIME = 32
"""Stored together; what an interruption costs at most."""

UNLIKE_FAR = 0.1
"""So many other people's photos may pass beside one of a user's, in the population where most do.

If two photos disagree, both are refused and the user is not enrolled. At the threshold of `open`
that befell 2.3 % of users with two photos of their own.
"""

_PAIR = 2


NOT_KEPT = ""
"""The reference of a photo that nobody can look at again."""


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

    ``consent`` is the version of the terms that the user agreed to, if that is known. ``galleries``
    are those to which the user shall belong from now on, besides those that they do already.
    """

    user_id: UUID
    photos: tuple[str, ...]
    consent: str | None = None
    galleries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo that shows the user's face, well enough; ``others`` counts those left out."""

    photo: str
    sha256: str
    embedding: Embedding
    quality: Quality | None
    others: int = 0


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

    ``clash`` is another user who is nearer than two people of so many can be by chance. ``alike``
    is one who is near enough to be the same person and may well be another.
    """

    user_id: UUID
    status: Status
    embedding: Embedding | None = None
    used: Sequence[Portrait] = ()
    refused: Sequence[Refusal] = ()
    fingerprint: str = ""
    clash: Candidate | None = None
    alike: Candidate | None = None
    consent: str | None = None
    galleries: tuple[str, ...] = ()


class Neighbours(Protocol):
    """Users whom a new one may be compared with."""

    def galleries(self, user_ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
        """To which galleries users belong; those in none may be missing."""

    def members(self, galleries: Collection[str]) -> Mapping[str, int]:
        """How many members of each gallery are enrolled; those with none may be missing."""

    def photo_counts(self, user_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Of how many photos their vectors are the means, as far as that is on record."""

    def gallery_required(self) -> bool:
        """Whether users who belong to no gallery are compared with nobody."""

    def nearest(
        self, embeddings: Sequence[Embedding], galleries: Sequence[frozenset[str]], count: int
    ) -> list[list[Candidate]]:
        """The nearest enrolled users of each vector, in its galleries; if it has none, of all."""


Judge: TypeAlias = Callable[[Sequence[Enrolment], Neighbours], Sequence[Enrolment]]
"""Says who of some may be enrolled beside their neighbours, in the same order."""


class Register(Neighbours, Protocol):
    """Where enrolled users are kept."""

    def fingerprints(self, user_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """By which photos they were enrolled, as far as their vectors are still of those."""

    def count(self) -> int:
        """How many are enrolled."""

    def join(self, galleries: Mapping[UUID, Sequence[str]]) -> None:
        """Add users to galleries who are enrolled already."""

    def withdrawn(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Those who do not want to be recognised any more, and have not agreed again."""

    def agreed(self, consents: Mapping[UUID, str]) -> None:
        """Note to which terms users have agreed who are enrolled already."""

    def save(
        self, enrolments: Sequence[Enrolment], judge: Judge | None = None
    ) -> Sequence[Enrolment]:
        """Store those of a batch who may still be enrolled; returns how each one ended.

        ``judge`` is asked while nobody else enrols anybody.
        """


Examined: TypeAlias = Portrait | Refusal


def mean_embedding(embeddings: Iterable[Embedding]) -> Embedding:
    """The unit-length mean of unit vectors, shape (dimension,)."""
    mean = np.mean(list(embeddings), axis=0)
    unit: Embedding = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def farthest_of_two(pack: FacePack) -> float:
    """The cosine distance up to which two photos of a user agree: the threshold or more."""
    table = far_table_of_contract(pack.contract)
    return max(pack.threshold, table.distance(UNLIKE_FAR)) if table else pack.threshold


def without_outliers(
    portraits: Sequence[Portrait], threshold: float, of_two: float | None = None
) -> tuple[list[Portrait], list[Refusal]]:
    """Refuse the photos that are unlike the user's others, the most unlike one first.

    A photo is compared with the mean of the others, so one odd photo among three does not make the
    good ones look odd for long: it goes first. Of two that disagree nobody can say which is wrong,
    so they may be farther apart: at ``of_two``, which is the threshold by default.
    """
    kept, refused = list(portraits), []
    while len(kept) >= _PAIR:
        distances = [
            _distance(kept[i].embedding, [other.embedding for other in kept[:i] + kept[i + 1 :]])
            for i in range(len(kept))
        ]
        worst = int(np.argmax(distances))
        farthest = of_two if of_two is not None and len(kept) == _PAIR else threshold
        if distances[worst] <= farthest:
            break
        for odd in list(kept) if len(kept) == _PAIR else [kept[worst]]:
            detail = f"at distance {distances[worst]:.2f} from the others, at most {farthest:.2f}"
            refused.append(Refusal(odd.photo, "unlike_others", detail, odd.sha256, odd.quality))
            kept.remove(odd)
    return kept, refused


def _distance(embedding: Embedding, others: Sequence[Embedding]) -> float:
    return float(1 - embedding @ mean_embedding(others))


def _here(look: Callable[[], EmbeddedFace]) -> EmbeddedFace:
    return look()


@dataclass(frozen=True, slots=True)
class Examiner:
    """Looks at enrolment photos: ``read`` gets the bytes of one, ``looking`` computes.

    ``bystanders`` says what becomes of photos that show several people; ``known`` says for some
    photos which face is meant.
    """

    pack: FacePack
    read: Callable[[str], bytes]
    max_pixels: int
    quality: str = "strict"
    bystanders: str = REFUSE
    looking: Callable[[Callable[[], EmbeddedFace]], EmbeddedFace] = _here
    known: Mapping[str, Chooser] = field(default_factory=dict)

    def hash(self, photo: str) -> str:
        """The sha256 of a photo in hex; of one that cannot be read, something of its own."""
        try:
            return _sha256(self.read(photo))
        except (OSError, DataError):
            return f"unreadable {photo}"

    def examine(self, photo: str, choose: Chooser | None = None) -> Examined:
        """Find the face of a photo that counts, or say why it cannot be used.

        ``choose`` stands in for what ``known`` and ``bystanders`` say.
        """
        sha256 = ""
        choose = choose or self.known.get(photo) or CHOOSERS[self.bystanders]
        try:
            data = self.read(photo)
            sha256 = _sha256(data)
            face = self.looking(
                lambda: recognise(data, self.pack, self.max_pixels, self._policy, choose=choose)
            )
        except OSError as error:
            return Refusal(photo, "unreadable_file", error.strerror or str(error))
        except LowQualityError as error:
            return Refusal(photo, str(error.flaw), error.detail, sha256, error.quality)
        except DataError as error:
            return Refusal(photo, str(error.reason), str(error), sha256)
        return Portrait(photo, sha256, face.embedding, face.quality, face.others)

    def fingerprint(self, hashes: Iterable[str]) -> str:
        """A name for the photos that were offered and the rules that they had to pass."""
        # As before there was a choice, so that those who were enrolled then are not enrolled again.
        rules = [self._rules] if self.bystanders == REFUSE else [self._rules, self.bystanders]
        return _sha256("\n".join([*rules, *sorted(set(hashes))]).encode())

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
        used, unlike = without_outliers(
            list(portraits.values()), self.pack.threshold, farthest_of_two(self.pack)
        )
        return Enrolment(
            user_id,
            Status.ENROLLED if used else Status.NO_USABLE_PHOTO,
            mean_embedding(portrait.embedding for portrait in used) if used else None,
            used,
            refused + unlike,
            self.fingerprint(hashes),
        )

    @property
    def _policy(self) -> QualityPolicy:
        return enrolment_policy(self.quality, self.pack.contract)

    @property
    def _rules(self) -> str:
        """The same as ever where the rules are: users who are enrolled by them stay as they are."""
        as_ever = self._policy == POLICIES[self.quality]
        as_ever = as_ever and farthest_of_two(self.pack) == self.pack.threshold
        return self.quality if as_ever else f"{self.quality}/2"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
