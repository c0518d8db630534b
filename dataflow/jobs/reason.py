"""The reason codes: one vocabulary for the log, the metrics, the dead letter and the database.

Adding one is compatible; renaming one is not.
"""

from __future__ import annotations

from enum import StrEnum

UNKNOWN = "unknown"
"""Stands for the reason of a dead letter that names none."""


class Outcome(StrEnum):
    """What became of a job."""

    MATCHED = "matched"
    SKIPPED = "skipped"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why it became that. Each reason belongs to exactly one :class:`Outcome`."""

    MATCHED = "matched"

    NOT_SINGLE_FACE_HINT = "not_single_face_hint"
    MISSING_IMAGE_REF = "missing_image_ref"
    MISSING_GALLERY = "missing_gallery"
    PHOTO_NOT_FOUND = "photo_not_found"
    ALREADY_MATCHED = "already_matched"
    DUPLICATE_IN_FLIGHT = "duplicate_in_flight"
    NO_FACE = "no_face"
    MULTIPLE_FACES = "multiple_faces"
    NO_FACE_IN_BBOX = "no_face_in_bbox"
    MULTIPLE_FACES_IN_BBOX = "multiple_faces_in_bbox"
    NO_ENROLLED_USERS = "no_enrolled_users"
    NO_USER_WITHIN_DISTANCE = "no_user_within_distance"
    AMBIGUOUS = "ambiguous"
    LOW_QUALITY = "low_quality"
    NOBODY = "nobody"
    WITHDRAWN = "withdrawn"

    MALFORMED_PAYLOAD = "malformed_payload"
    INVALID_IMAGE_REF = "invalid_image_ref"
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_UNDECODABLE = "image_undecodable"
    IMAGE_TOO_LARGE = "image_too_large"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    WRITE_REJECTED = "write_rejected"
    BURIED = "buried"

    @property
    def outcome(self) -> Outcome:
        """The outcome this reason belongs to."""
        if self is Reason.MATCHED:
            return Outcome.MATCHED
        return Outcome.REJECTED if self in _REJECTIONS else Outcome.SKIPPED


_REJECTIONS = frozenset(
    {
        Reason.MALFORMED_PAYLOAD,
        Reason.INVALID_IMAGE_REF,
        Reason.IMAGE_NOT_FOUND,
        Reason.IMAGE_UNREADABLE,
        Reason.IMAGE_UNDECODABLE,
        Reason.IMAGE_TOO_LARGE,
        Reason.ATTEMPTS_EXHAUSTED,
        Reason.WRITE_REJECTED,
        Reason.BURIED,
    }
)
