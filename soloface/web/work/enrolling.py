"""Enrolling one user by photos in the store, or by one that came with the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.users import Gallery
from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import Enrolment, Examiner, Offer, Portrait, Status
from dataflow.jobs.image_ref import RefPolicy
from dataflow.persons.photos import InTurn
from dataflow.tags.refusal import Refusal
from soloface.limits import clash_limit
from soloface.web.gate.problems import ProblemError
from soloface.web.work.desk import Desk
from soloface.web.work.wire_enrolment import (
    Enrolled,
    OtherUser,
    RefusedPhoto,
    UsedPhoto,
)

UPLOAD = "upload/"
"""What the reference of a photo begins with that was not kept: its sha256 follows."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who shall be enrolled, and how.

    ``image`` is a photo that came with the request; without it, ``refs`` name photos in the store.
    """

    user_id: UUID
    by: str
    refs: Sequence[str] = ()
    image: bytes | None = None
    keep: bool = False
    consent: str | None = None
    galleries: Sequence[str] = ()
    again: bool = False
    force: bool = False


def enrol(desk: Desk, wish: Wish) -> Enrolled:
    """Store a user's face, replacing an earlier one.

    Raises:
        ProblemError: the user is not enrolled; it says why, and which photos were refused.
        DataError: a reference is not allowed.
        ConfigurationError, TransientError, SystemicError: something that this needs is not there.
    """
    settings, pack = desk.settings, desk.pack()
    Gallery(desk.enrolment).require_comparable(pack.contract)

    def read(photo: str) -> bytes:
        return desk.photos.read(photo) if wish.image is None else wish.image

    def kept(user_id: UUID, portrait: Portrait) -> str:
        if wish.image is None or not wish.keep:
            return portrait.photo
        return desk.photos.keep_image(user_id, portrait.sha256, wish.image)

    photos = tuple(_photos(desk, wish))
    enroller = Enroller(
        Examiner(
            pack,
            read,
            settings.images.max_pixels,
            settings.enrolment.quality,
            settings.enrolment.bystanders,
        ),
        EnrolmentRegister(
            desk.enrolment, pack.contract.id, wish.by, desk.photos.forget, wish.again
        ),
        InTurn(),
        None if wish.force else clash_limit(settings, pack),
        gallery_required=settings.match.gallery_required,
        keep=kept,
    )
    (done,) = enroller.enrol([Offer(wish.user_id, photos, wish.consent, tuple(wish.galleries))])
    return _answer(done)


def _photos(desk: Desk, wish: Wish) -> list[str]:
    """The photos by names that lead nowhere but into the store."""
    if wish.image is not None:
        return [f"{UPLOAD}{sha256(wish.image).hexdigest()}"]
    store = desk.settings.store
    policy = RefPolicy(store.bucket, store.buckets, store.prefixes)
    return [policy.parse(ref).in_full for ref in wish.refs]


def _answer(done: Enrolment) -> Enrolled:
    refused = [RefusedPhoto.model_validate(refusal) for refusal in done.refused]
    shown = [refusal.model_dump() for refusal in refused]
    match done.status:
        case Status.ENROLLED | Status.UNCHANGED:
            return Enrolled(
                user_id=done.user_id,
                status=str(done.status),
                consent=done.consent,
                used=[UsedPhoto.model_validate(portrait) for portrait in done.used],
                refused=refused,
                possibly_also=OtherUser(
                    user_id=done.alike.user_id, distance=max(done.alike.distance, 0.0)
                )
                if done.alike
                else None,
            )
        case Status.WITHDRAWN:
            raise ProblemError(
                Refusal.USER_WITHDRAWN, "the user has withdrawn; `again` says that they agree again"
            )
        case Status.UNKNOWN_USER:
            raise ProblemError(
                Refusal.UNKNOWN_USER, "there is no such user, and `users` needs more than an id"
            )
        case Status.CLASHES:
            other = done.clash
            raise ProblemError(
                done.status,
                "another user is so near that both may be one person; `force` enrols nevertheless",
                clash=other
                and {"user_id": str(other.user_id), "distance": round(other.distance, 4)},
                refused=shown,
            )
        case Status.NO_USABLE_PHOTO:
            raise ProblemError(done.status, "no photo could be used", refused=shown)
