"""What travels where somebody is enrolled or erased."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from soloface.web.work.wire import Distance, FaceIndex, GalleryName, Line, Wire


class EnrolRequest(Wire):
    """The photos by which a user shall be recognised."""

    image_refs: list[Annotated[str, Field(min_length=1, max_length=1100)]] = Field(
        min_length=1, max_length=20, description="`minio://BUCKET/KEY` or a bare key."
    )
    consent: Line | None = Field(None, description="Version of the terms they have agreed to.")
    galleries: list[GalleryName] = Field(
        default=[], max_length=20, description="Add them to these, and compare with members only."
    )
    again: bool = Field(default=False, description="They had withdrawn, and agree again.")
    force: bool = Field(default=False, description="Also if they are very near to another user.")


class GroupFace(Wire):
    """A face of a group."""

    photo_id: UUID
    face_index: FaceIndex


class NewUserRequest(Wire):
    """Somebody new, and the faces of a group that show them."""

    user_id: UUID = Field(description="The platform's own id; nobody who is enrolled already.")
    faces: list[GroupFace] = Field(min_length=1, max_length=60)
    consent: Line | None = Field(None, description="Version of the terms they have agreed to.")


class UsedPhoto(Wire):
    """A photo that is part of the user's vector now."""

    photo: str | None = Field(description="Where it is; none: it was not kept.")
    sha256: str


class RefusedPhoto(Wire):
    """A photo that was not used, and why."""

    photo: str
    reason: str
    detail: str


class OtherUser(Wire):
    """Another user who is near."""

    user_id: UUID
    distance: Distance


class Enrolled(Wire):
    """What a user's photos came to."""

    user_id: UUID
    status: str
    consent: str | None
    used: list[UsedPhoto]
    refused: list[RefusedPhoto]
    possibly_also: OtherUser | None


class Erased(Wire):
    """What is gone: rows by table, messages by stream. The photos showed the user."""

    user_id: UUID
    erased: dict[str, int]
    photos: list[UUID]
