"""Which changes of tags are told together."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from dataflow.tags.change import TagChange


def next_wave(waiting: Iterable[TagChange]) -> list[TagChange]:
    """Of each photo the first change that waits, in the order of their numbers.

    A wave may be lost half, and is told again whole. Had it two changes of a photo, the first one
    could come after the second.
    """
    first: dict[UUID, TagChange] = {}
    for change in sorted(waiting, key=lambda change: change.seq):
        first.setdefault(change.photo_id, change)
    return list(first.values())
