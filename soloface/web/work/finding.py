"""Whom a photo shows, or on which photos the same face is. Nothing of it is stored."""

from __future__ import annotations

from dataclasses import replace

from connectors.postgres.gallery.search import nearest_fellows
from connectors.postgres.gallery.users import require_comparable
from connectors.postgres.review.likeness import faces_like
from connectors.postgres.tags.deciding import policies_of
from dataflow.faces.quality import POLICIES
from dataflow.jobs.job import BoxHint
from dataflow.jobs.reason import Reason
from dataflow.steps.recognition import chooser, recognise
from soloface.web.gate.problems import ProblemError
from soloface.web.work.desk import Desk
from soloface.web.work.views import near_of, scale_of
from soloface.web.work.wire import Bbox, Found, FoundPhoto


def find(  # noqa: PLR0913 - each is part of what is asked for
    desk: Desk,
    image: bytes,
    limit: int,
    *,
    photos: bool,
    gallery: str | None = None,
    bbox: BoxHint | None = None,
) -> Found:
    """Recognise the face of a photo that a job would be for, and search for it.

    Args:
        desk: the process's resources.
        image: the photo's file.
        limit: users or photos to answer with, at most.
        photos: whether photos are sought besides.
        gallery: whose members, and whose photos, are sought; ``None``: all users, and the photos
            that belong to no gallery.
        bbox: where the face is, as a job's.

    Raises:
        ProblemError: ``missing_gallery``: a gallery is required, and none is named.
        DataError: it shows no face, several, or cannot be used.
        ConfigurationError, TransientError, SystemicError: something that this needs is not there.
    """
    settings, pack = desk.settings, desk.pack()
    rules = desk.rules()
    if gallery is None and rules.policy.gallery_required:
        raise ProblemError(Reason.MISSING_GALLERY, "name the gallery to search in: ?gallery=NAME")
    quality = POLICIES[settings.quality.photos]
    choose = chooser(bbox, by_bbox=settings.model.choose_by_bbox)
    face = recognise(image, pack, settings.images.max_pixels, quality, choose=choose)
    model = pack.contract.id
    inside = [frozenset({gallery} if gallery else ())]
    with desk.database.connection() as connection:
        require_comparable(connection, model)
        rules = replace(rules, policy=policies_of(connection, rules, {gallery}).of(gallery))
        reach = rules.policy.farthest
        (near,) = nearest_fellows(connection, [face.embedding], inside, model, max(limit, 2))
        alike = (
            faces_like(connection, face.embedding, model, reach, limit, gallery=gallery)
            if photos
            else None
        )
    reason, match = rules.policy.decide(near, gallery=gallery)
    return Found(
        reason=str(reason),
        user_id=match.user_id if match and reason is Reason.MATCHED else None,
        users=[near_of(user, rules) for user in near[:limit] if user.distance <= reach],
        photos=None if alike is None else [FoundPhoto.model_validate(a) for a in alike],
        bbox=Bbox.model_validate(face.box),
        scale=scale_of(rules),
    )
