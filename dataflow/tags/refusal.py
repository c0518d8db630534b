"""Why somebody's word cannot be taken."""

from __future__ import annotations

from enum import StrEnum

from dataflow.jobs.errors import ConfigurationError


class Refusal(StrEnum):
    """What is wrong with a word. The codes are stable."""

    UNKNOWN_PHOTO = "unknown_photo"
    UNKNOWN_USER = "unknown_user"
    UNKNOWN_FACE = "unknown_face"
    SEVERAL_FACES = "several_faces"
    USER_WITHDRAWN = "user_withdrawn"
    ALREADY_ENROLLED = "already_enrolled"
    UNKNOWN_DECISION = "unknown_decision"
    CHANGED_MEANWHILE = "changed_meanwhile"
    ALREADY_UNDONE = "already_undone"
    KEY_REUSED = "key_reused"


class RefusedWordError(ConfigurationError):
    """A word that cannot be taken; nothing has changed."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal
