"""Which faces a limit that moves concerns."""

from __future__ import annotations

from contextlib import closing

import pytest

from connectors.postgres.photos.limits import Limits
from connectors.postgres.tags.rematching import Rematching
from dataflow.steps.matching import NEAR_MISS, MatchPolicy
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, distance, face
from tests.fixtures.rematching import rematching_of, settle

WIDE, NARROW = 0.3, 0.1


def decided(rematching: Rematching) -> int:
    return sum(piece.photos for piece in settle(rematching))


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.1), (0.1, 0.2), (None, 0.1), (0.5, None)])
def test_a_limit_that_moves_has_only_the_faces_in_between_decided_again(
    records: Records, limits: Limits, before: float | None, after: float | None
) -> None:
    degrees = (5, 20, 28, 35, 50, 80)
    records.add_photos(*range(1, len(degrees) + 2))
    records.add_user(1, 0)
    limits.note(MODEL, MatchPolicy(THRESHOLD, before))
    with closing(rematching_of(records)) as rematching:
        settle(rematching)
        records.recorder().record([face(i + 1, far) for i, far in enumerate(degrees)])
        records.run(
            "update photo_faces set nearest_user_id = null, nearest_distance = null "
            "where photo_id = %s",
            photo(1),
        )

        limits.note(MODEL, MatchPolicy(THRESHOLD, after))
        ends = sorted(2.0 if end is None else end for end in (before, after))
        between = [far for far in degrees[1:] if ends[0] < distance(far) <= ends[1]]
        assert decided(rematching) == len(between) + 1  # and the one of which nothing is noted

    most = 2.0 if after is None else after
    tagged = {photo(i + 1) for i, far in enumerate(degrees) if distance(far) <= most}
    assert set(records.matches()) == tagged


def test_another_margin_has_all_faces_decided_again(records: Records, limits: Limits) -> None:
    records.add_photos(1, 2, 3)
    records.add_user(1, 0)
    limits.note(MODEL, MatchPolicy(THRESHOLD, NARROW))
    with closing(rematching_of(records)) as rematching:
        settle(rematching)
        records.recorder().record([face(1, 5), face(2, 40), face(3, 80)])
        limits.note(MODEL, MatchPolicy(THRESHOLD, NARROW, 0.01))
        assert decided(rematching) == 3


def test_whoever_came_nearer_unseen_is_found_when_the_limit_reaches_so_far(
    records: Records, limits: Limits
) -> None:
    """Users beyond the limit's reach are passed over, so what is noted of a face may be too far."""
    records.add_photos(1, 2)
    records.add_user(1, 80)
    limits.note(MODEL, MatchPolicy(THRESHOLD, NARROW))
    with closing(rematching_of(records)) as rematching:
        settle(rematching)
        records.recorder().record([face(1, 0), face(2, 2)])
        assert NARROW + NEAR_MISS < distance(45) < WIDE
        records.add_user(2, 45)
        settle(rematching)
        assert {row["nearest_user_id"] for row in records.faces()} == {user(1)}

        for limit in (0.2, WIDE):  # also where it comes there by small steps
            limits.note(MODEL, MatchPolicy(THRESHOLD, limit))
            settle(rematching)

        assert records.matches() == {photo(1): user(2), photo(2): user(2)}
        limits.note(MODEL, MatchPolicy(THRESHOLD, WIDE + 0.01))
        assert decided(rematching) == 0  # what is noted is exact again
