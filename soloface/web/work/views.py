"""What the database says, in the API's own types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from connectors.postgres.review import cards, moderation, photos
from connectors.postgres.tags.deciding import Rules
from dataflow.steps.matching import Candidate
from soloface.web.work.wire import (
    Bbox,
    Card,
    Decided,
    Near,
    Outcome,
    Photo,
    Said,
    Scale,
    SeenFace,
)


def scale_of(rules: Rules) -> Scale:
    """By what distances are judged."""
    policy = rules.policy
    return Scale(
        model=rules.model,
        threshold=policy.threshold,
        max_distance=policy.max_distance,
        min_margin=policy.min_margin,
    )


def near_of(user: Candidate, rules: Rules, *, rejected: bool = False) -> Near:
    """A user and how near they are. A distance below 0 or above 2 is rounding."""
    return Near(
        user_id=user.user_id,
        distance=min(max(user.distance, 0.0), 2.0),
        within_threshold=user.distance <= rules.policy.threshold,
        rejected=rejected,
    )


def card_of(card: cards.Card, rules: Rules) -> Card:
    """A photo to look at."""
    said = card.said
    return Card(
        photo_id=card.photo_id,
        face_index=card.face_index,
        bbox=bbox_of(card.bbox),
        reason=card.reason,
        settled_at=card.settled_at,
        user_id=card.user_id,
        distance=card.distance,
        margin=card.margin,
        candidates=[
            near_of(user, rules, rejected=user.user_id in said.rejected) for user in card.candidates
        ],
        confirmed=said.confirmed,
        nobody=said.nobody,
        claimed_by=card.claimed_by,
        version=card.version,
    )


def photo_of(photo: photos.WholePhoto) -> Photo:
    """All that is known of a photo."""
    return Photo(
        photo_id=photo.photo_id,
        version=photo.version,
        withdrawn=photo.withdrawn,
        claimed_by=photo.claimed_by,
        outcome=photo.outcome and Outcome.model_validate(photo.outcome),
        faces=[SeenFace(**{**asdict(f), "bbox": bbox_of(f.bbox)}) for f in photo.faces],
        said=[Said.model_validate(word) for word in photo.words],
    )


def decided_of(entry: moderation.Entry) -> Decided:
    """A decision and what came of it."""
    fields = asdict(entry)
    before, now = fields.pop("before_user_id"), fields.pop("now_user_id")
    return Decided(**fields, matched_before=before, matched_now=now)


def bbox_of(bbox: Mapping[str, float]) -> Bbox:
    """A face's box; of a face that somebody else has written it may be anything."""
    return Bbox(**{name: float(bbox.get(name) or 0) for name in Bbox.model_fields})
