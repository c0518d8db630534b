"""Tags whose changes wait to be told, and those who take them."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.postgres.tags.outbox import Outbox
from dataflow.jobs.errors import SystemicError
from dataflow.tags.change import TagChange
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, Records, direction


def add_tags(records: Records, *numbers: int) -> None:
    """Photos 1, 2 and so on, each with a face that shows user 1."""
    records.add_photos(*numbers)
    for number in numbers:
        records.run(
            "with f as (insert into photo_faces "
            "(photo_id, face_index, embedding, bbox, model, det_score) "
            "values (%s, 0, %s, '{}', %s, 1) returning id) "
            "insert into face_matches (photo_face_id, user_id, confidence) "
            "select id, %s, 0.25 from f",
            photo(number),
            str(direction(0).tolist()),
            MODEL,
            user(1),
        )


def all_of(outbox: Outbox) -> list[TagChange]:
    """Tell whatever waits."""
    told: list[TagChange] = []
    while outbox.wave(told.extend):
        pass
    return told


def refuse(_: Sequence[TagChange]) -> None:
    raise SystemicError("not today")
