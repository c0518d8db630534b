"""Saying something of photo 1, as `soloface match` does."""

from __future__ import annotations

from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Effect, Word
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records

POLICY = MatchPolicy(THRESHOLD)


def take(
    records: Records,
    word: Word,
    number: int,
    face_index: int | None = None,
    policy: MatchPolicy = POLICY,
) -> Effect:
    """Say something of photo 1 and user 1, 2 and so on."""
    decisions = Decisions(records.recorder().database, Rules(policy, MODEL))
    return decisions.take(Decision(photo(1), user(number), word, "Olga", face_index))
