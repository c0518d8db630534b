"""A queue of ten thousand photos: neither the next card nor the count reads all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.review import queues
from connectors.postgres.review.claims import claim_next
from connectors.postgres.review.queues import Filters, Queue, next_photos, waiting
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.steps.matching import MatchPolicy
from tests.fixtures.recording import Records, direction

LONG = 10_000
POLICY = MatchPolicy(0.4, max_distance=0.4, min_margin=0.1)

_OUTCOMES = """
with p as (insert into photos select from generate_series(1, %s) returning id),
f as (
    insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score)
    select id, 0, %s, '{}', 'fake', 1 from p
)
insert into face_match_outcomes (
    photo_id, known_photo_id, outcome, reason, distance, margin, stream_seq, published_at,
    deliveries, settled_at
)
select
    id, id, %s, %s, %s + 0.4 * random(), 0.02, 1, now(), 1, now() - random() * interval '1 day'
from p
"""


@pytest.fixture
def long(records: Records) -> Iterator[Connection]:
    """A long queue and others, and one photo that somebody else looks at."""
    vector = str(direction(0).tolist())
    for photos, outcome, reason, nearest in (
        (LONG, "skipped", "ambiguous", 0),
        (LONG // 3, "matched", "matched", 0),
        (LONG // 3, "skipped", "no_user_within_distance", 0.4),
    ):
        records.run(_OUTCOMES, photos, vector, outcome, reason, nearest)
    records.run("analyze")
    database = Database(records.settings)
    with database.connection() as connection:
        claim_next(connection, Queue.DOUBTFUL, POLICY, Filters(), by="rolf", for_s=60, count=1)
        yield connection
    database.close()


def test_cards_come_without_reading_the_queue(
    long: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[int]()

    def explained(connection: Connection, asked: Mapping[str, Any]) -> Any:  # noqa: ANN401 - rows
        text = b"explain (analyze, format json) " + query("review_queue").encode()
        ((plan,),) = connection.execute(text, asked).fetchall()
        read.append(rows_read(plan[0]["Plan"]))
        return rows(connection, asked)

    rows = queues._rows
    monkeypatch.setattr(queues, "_rows", explained)

    first = next_photos(long, Queue.DOUBTFUL, POLICY, Filters(), count=3, not_claimed_but_by="rita")
    behind = next_photos(long, Queue.DOUBTFUL, POLICY, Filters(), count=3, after=first[-1])
    counts = waiting(long, POLICY, Filters(), 1000)

    assert len({*first, *behind}) == 6
    assert counts[Queue.DOUBTFUL] == 1000
    one_card, next_card, counting, *_shorter_queues = read
    # Of both reasons of the queue, each with its face, its words and its claim.
    assert max(one_card, next_card) < 50
    assert counting < LONG


def rows_read(plan: Mapping[str, Any]) -> int:
    """How many rows the scans of a plan have looked at."""
    parts = sum(rows_read(part) for part in plan.get("Plans", ()))
    if "Relation Name" not in plan:
        return parts
    looked = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return parts + int(looked * plan["Actual Loops"])
