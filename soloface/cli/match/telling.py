"""What a word has changed, for people and for programs."""

from __future__ import annotations

from connectors.postgres.tags.decisions import Decision, Effect, Word
from dataflow.jobs.reason import Reason


def as_dict(decision: Decision, effect: Effect) -> dict[str, object]:
    """The word and its effect, by stable names."""
    match = effect.match
    return {
        "photo_id": decision.photo_id,
        "user_id": decision.user_id,
        "decision": decision.word,
        "by": decision.by,
        "matched_before": effect.before,
        "matched_now": effect.now,
        "reason": effect.reason,
        "distance": match.distance if match else None,
        "margin": match.margin if match else None,
        "taken_back": effect.taken_back,
    }


def told(decision: Decision, effect: Effect) -> str:
    """One line: what was said, who is tagged now and why, and who was before."""
    return f"{_said(decision, effect)}; {_now(effect)}{_before(effect)}"


def _said(decision: Decision, effect: Effect) -> str:
    match decision.word:
        case Word.NOBODY:
            return f"photo {decision.photo_id} shows nobody who is to be tagged"
        case Word.FORGOTTEN if not effect.taken_back:
            return f"nothing was said of photo {decision.photo_id}"
        case Word.FORGOTTEN:
            return f"what was said of photo {decision.photo_id} is taken back"
        case _:
            return f"{decision.user_id} is {decision.word}"


def _now(effect: Effect) -> str:
    if effect.reason is Reason.WITHDRAWN:
        return "the photo showed somebody who has withdrawn, and no job looks at it again"
    if effect.reason is None and effect.now is None:
        return "no face is recorded for the photo yet; its next job will respect this"
    if effect.now is None:
        return f"the photo has no match now ({_why(effect)})"
    if effect.now == effect.before:
        return f"the photo's match stays {effect.now}"
    if effect.match and effect.match.distance is not None:
        return f"the photo is matched with {effect.now}, at distance {effect.match.distance:.4f}"
    return f"the photo is matched with {effect.now}, who has no vector to measure by"


def _why(effect: Effect) -> str:
    """The reason, and how far the nearest user is who is not the answer."""
    if effect.match is None or effect.match.distance is None:
        return str(effect.reason)
    return (
        f"{effect.reason}: the nearest is {effect.match.user_id}, at distance "
        f"{effect.match.distance:.4f}"
    )


def _before(effect: Effect) -> str:
    if effect.before == effect.now:
        return ""
    return f"; before: {effect.before or 'nobody'}"
