"""Enrolling one user by photos in the store, or by one that came with the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.newcomers import NewcomersOnly
from connectors.postgres.gallery.users import Gallery
from dataflow.faces.choosing import Chooser
from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import NOT_KEPT, Enrolment, Examiner, Offer, Portrait, Status
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

_UPLOAD = "upload"
"""What a photo is called that came with the request."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who shall be enrolled, and how.

    ``image`` is a photo that came with the request; without it, ``refs`` name photos in the store,
    and ``faces`` says for some of them which face is meant. ``only_new`` refuses whoever is
    enrolled already.
    """

    user_id: UUID
    by: str
    refs: Sequence[str] = ()
    faces: Sequence[Chooser] = ()
    only_new: bool = False
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
        RefusedWordError: only somebody new was to be enrolled.
        DataError: a reference is not allowed.
        ConfigurationError, TransientError, SystemicError: something that this needs is not there.
    """
    Gallery(desk.enrolment).require_comparable(desk.pack().contract)
    photos = tuple(_photos(desk, wish))
    offer = Offer(wish.user_id, photos, wish.consent, tuple(wish.galleries))
    lasting: dict[str, str] = {}
    (done,) = _enroller(desk, wish, photos, lasting).enrol([offer])
    return _answer(done, lasting)


def _enroller(desk: Desk, wish: Wish, photos: Sequence[str], lasting: dict[str, str]) -> Enroller:
    """What enrols; it notes in ``lasting`` where each used photo is from then on, by its sha256."""
    settings, pack = desk.settings, desk.pack()

    def read(photo: str) -> bytes:
        return desk.photos.read(photo) if wish.image is None else wish.image

    def kept(user_id: UUID, portrait: Portrait) -> str:
        ref = portrait.photo
        if wish.image is not None:
            ref = NOT_KEPT
            if wish.keep:
                ref = desk.photos.keep_image(user_id, portrait.sha256, wish.image)
        lasting[portrait.sha256] = ref
        return ref

    register = EnrolmentRegister(
        desk.enrolment,
        pack.contract.id,
        wish.by,
        desk.photos.forget,
        wish.again,
        NewcomersOnly(wish.user_id) if wish.only_new else None,
    )
    return Enroller(
        Examiner(
            pack,
            read,
            settings.images.max_pixels,
            settings.enrolment.quality,
            settings.enrolment.bystanders,
            known=dict(zip(photos, wish.faces, strict=False)),
        ),
        register,
        InTurn(),
        None if wish.force else clash_limit(settings, pack),
        gallery_required=settings.match.gallery_required,
        keep=kept,
    )


def _photos(desk: Desk, wish: Wish) -> list[str]:
    """The photos by names that lead nowhere but into the store."""
    if wish.image is not None:
        return [_UPLOAD]
    store = desk.settings.store
    policy = RefPolicy(store.bucket, store.buckets, store.prefixes)
    return [policy.parse(ref).in_full for ref in wish.refs]


def _answer(done: Enrolment, lasting: Mapping[str, str]) -> Enrolled:
    refused = [RefusedPhoto.model_validate(refusal) for refusal in done.refused]
    shown = [refusal.model_dump() for refusal in refused]
    match done.status:
        case Status.ENROLLED | Status.UNCHANGED:
            return Enrolled(
                user_id=done.user_id,
                status=str(done.status),
                consent=done.consent,
                used=[
                    UsedPhoto(photo=lasting.get(portrait.sha256) or None, sha256=portrait.sha256)
                    for portrait in done.used
                ],
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
