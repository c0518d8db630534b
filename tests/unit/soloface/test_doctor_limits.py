"""What `soloface doctor` says of the limit that enrolment refuses by."""

from __future__ import annotations

import pytest

from dataflow.faces.packs.gap_table import Gap, GapTable
from dataflow.gallery.clashes import ClashLimit
from soloface.cli.doctor.limits import clashing
from tests.far_tables import TABLE, TABLE_OF_MEANS

GAPS = GapTable.of([Gap(users=100, gap=0.3), Gap(users=10_000, gap=0.2)])


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (ClashLimit(0.6), "0.600"),
        (ClashLimit(0.6, TABLE), "0.300"),
        (ClashLimit(0.6, TABLE, fixed=0.25, gaps=GAPS), "0.25 (SOLOFACE_ENROLMENT__MIN_DISTANCE)"),
        (
            ClashLimit(0.6, TABLE_OF_MEANS, gaps=GAPS),
            (
                "0.300 (one photo each), 0.200 (two) or 0.200 (three), or up to 0.60 if the next "
                "20 are farther by 0.285"
            ),
        ),
    ],
    ids=["the threshold", "a table", "a setting", "a table by photos, and gaps"],
)
def test_it_is_how_near_a_new_user_may_be_now(limit: ClashLimit, told: str) -> None:
    assert clashing(limit, 200) == f"a new user clashes with one who is nearer than {told}"


def test_among_few_users_no_gap_tells() -> None:
    told = clashing(ClashLimit(0.6, TABLE_OF_MEANS, gaps=GAPS), 99)
    assert told.endswith(" (three)")
