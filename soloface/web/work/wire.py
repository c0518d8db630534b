"""What travels between the API and its callers: JSON, as types."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from dataflow.jobs.job import GALLERY

Distance = Annotated[float, Field(ge=0, le=2, description="Cosine distance; small means alike.")]
FaceIndex = Annotated[int, Field(ge=0, le=2**31 - 1)]
GalleryName = Annotated[str, Field(pattern=GALLERY)]
Line = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Wire(BaseModel):
    """Frozen; what is not known is refused, so that a slip of the pen is seen.

    ``model_validate`` also takes an object whose attributes have the fields' names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Bbox(Wire):
    """A face's box in pixels of the upright photo; (x1, y1) is its top left corner."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def long_side(self) -> float:
        """The larger of its width and height."""
        return max(self.x2 - self.x1, self.y2 - self.y1)


class Scale(Wire):
    """By what distances are judged: the contract, its threshold, and the limits that hold."""

    model: str
    threshold: float
    max_distance: float | None
    min_margin: float | None


class Near(Wire):
    """A user, and how far the face is from theirs."""

    user_id: UUID
    distance: Distance
    within_threshold: bool
    rejected: bool = False


class FoundPhoto(Wire):
    """A photo that shows such a face."""

    photo_id: UUID
    face_index: int
    distance: Distance


class NearestUsers(Wire):
    """The users who are nearest to a recorded face, in its gallery, without rejected ones."""

    gallery: str | None
    users: list[Near]
    scale: Scale


class Histogram(Wire):
    """Pairs of photos by their distance: place n counts those from n to n + 1 times `width`."""

    width: float
    genuine: list[int] = Field(description="Pairs of photos of one person.")
    impostor: list[int] = Field(description="Pairs of photos of two people.")
    people: int
    photos: int
    sets: list[str] = Field(description="The collections of photos that were measured.")


class Distances(Wire):
    """What distances mean with the pack in use, as far as it was measured."""

    model: str
    histogram: Histogram | None = Field(description="None: nothing was measured with this pack.")


class Found(Wire):
    """Whom a photo shows, or on which photos the same face is. The photo is not stored."""

    reason: str = Field(description="What a job for this photo would end with.")
    user_id: UUID | None = Field(description="Who would be tagged.")
    users: list[Near] = Field(description="The nearest users within the limit.")
    photos: list[FoundPhoto] | None = Field(description="Only with `photos=true`.")
    bbox: Bbox
    scale: Scale


class TaggedPhoto(Wire):
    """A photo that shows a user; without a distance, somebody has said so."""

    photo_id: UUID
    face_index: int
    distance: float | None
    tagged_at: datetime
    confirmed: bool


class TaggedPhotos(Wire):
    """The photos that show a user, the farthest first."""

    user_id: UUID
    enrolled_at: datetime | None
    model: str | None
    withdrawn: bool
    enrolled_by: list[str] = Field(
        description="The sha256 of each photo that they are enrolled by."
    )
    photos: list[TaggedPhoto]
    next: str | None = Field(description="Cursor of the next page; none: this is the last.")


class Outcome(Wire):
    """What the photo's last job, or a later change, came to."""

    outcome: str
    reason: str
    detail: str
    user_id: UUID | None
    distance: float | None
    within_threshold: bool | None
    margin: float | None
    model: str | None
    job_id: UUID | None
    deliveries: int
    published_at: datetime
    settled_at: datetime


class SeenFace(Wire):
    """A recorded face, who is tagged on it, and whom it was last compared with."""

    face_index: int
    bbox: Bbox
    model: str
    det_score: float
    quality: dict[str, float] | None
    image_ref: str | None
    created_at: datetime
    updated_at: datetime
    user_id: UUID | None
    distance: float | None
    nearest_user_id: UUID | None
    nearest_distance: float | None
    second_user_id: UUID | None
    second_distance: float | None


class Said(Wire):
    """What somebody has said of the photo."""

    decision: str
    user_id: UUID | None
    face_index: int | None
    decided_by: str | None
    database_role: str
    decided_at: datetime


class Photo(Wire):
    """All that is known of a photo, and why."""

    photo_id: UUID
    version: str
    withdrawn: bool
    claimed_by: str | None
    outcome: Outcome | None
    faces: list[SeenFace]
    said: list[Said]


class Word(StrEnum):
    """What can be said of a photo."""

    CONFIRM = "confirm"
    REJECT = "reject"
    NOBODY = "nobody"
    FORGET = "forget"


class DecisionRequest(Wire):
    """Somebody's word. `confirm` and `reject` name a user, `nobody` names none."""

    decision: Word
    user_id: UUID | None = None
    face_index: FaceIndex | None = None
    version: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")] | None = Field(
        None, description="The version of the photo that was seen. If it has changed: 409."
    )


class Decided(Wire):
    """A decision, and what came of it."""

    id: int
    photo_id: UUID
    user_id: UUID | None
    decision: str
    face_index: int | None
    decided_by: str
    decided_at: datetime
    matched_before: UUID | None
    matched_now: UUID | None
    reason: str | None
    distance: float | None
    margin: float | None
    taken_back: int
    undone_at: datetime | None


class DecidedPage(Wire):
    """Somebody's decisions, the newest first."""

    decisions: list[Decided]
    next: int | None = Field(description="`before` of the next page; none: this is the last.")


class Card(Wire):
    """A photo to look at: its face, who is tagged, and the nearest users."""

    photo_id: UUID
    face_index: int
    bbox: Bbox
    reason: str | None
    settled_at: datetime | None
    user_id: UUID | None = Field(description="Who is tagged.")
    distance: float | None
    margin: float | None
    candidates: list[Near] = Field(description="The nearest users, also rejected ones.")
    confirmed: UUID | None
    nobody: bool
    claimed_by: str | None
    version: str


class Review(Wire):
    """A page of a queue."""

    cards: list[Card]
    waiting: dict[str, int] = Field(description="How many each queue holds, counted up to 1,000.")
    scale: Scale
    next: str | None = Field(description="Cursor of the next page; none: this is the last.")


class ClaimRequest(Wire):
    """Photos to keep from others while somebody looks at them."""

    count: int = Field(5, ge=1, le=50)


class Group(Wire):
    """Faces near nobody who is enrolled that look like one person."""

    cards: list[Card]
    widest: Distance


class Groups(Wire):
    """The largest groups of unknown faces, among the newest ones."""

    groups: list[Group]
    looked_at: int
    scale: Scale
