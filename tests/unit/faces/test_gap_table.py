"""How far strangers stand out: tables of gaps, and what comes with the program."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.faces.packs.gap_table import (
    Gap,
    GapTable,
    read_gap_table,
    shipped_gap_table,
)
from dataflow.faces.packs.tables import MEASURED
from dataflow.jobs.errors import ConfigurationError
from tests.builders import FakePack

TABLE = GapTable.of([Gap(users=10_000, gap=0.2), Gap(users=100, gap=0.3)])


def test_between_two_numbers_of_users_it_is_linear_in_their_logarithm() -> None:
    assert TABLE.gap(100) == pytest.approx(0.3)
    assert TABLE.gap(1_000) == pytest.approx(0.25)
    assert TABLE.gap(10_000) == pytest.approx(0.2)


def test_fewer_users_tell_nothing_and_for_more_the_last_gap_holds() -> None:
    assert TABLE.gap(99) is None
    assert TABLE.gap(10**9) == 0.2


@given(st.integers(100, 10**9), st.integers(100, 10**9))
def test_among_more_users_it_is_never_larger(one: int, other: int) -> None:
    few, many = sorted((one, other))
    smaller, larger = TABLE.gap(many), TABLE.gap(few)
    assert smaller is not None
    assert larger is not None
    assert smaller <= larger


def test_a_gap_that_grows_is_refused() -> None:
    with pytest.raises(ValueError, match="smaller"):
        GapTable.of([Gap(users=100, gap=0.2), Gap(users=1_000, gap=0.3)])


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        '{"gaps": []}',
        '{"gaps": [{"users": 100, "gap": 0.3}]}',
        '{"gaps": [{"users": 5, "gap": 0.3}, {"users": 100, "gap": 0.2}]}',
        '{"gaps": [{"users": 100, "gap": 0.1}, {"users": 1000, "gap": 0.2}]}',
    ],
)
def test_what_is_no_table_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"gaps\.json is no table of gaps"):
        read_gap_table(text, "gaps.json")


@pytest.mark.parametrize("sha256", MEASURED)
def test_a_network_that_was_measured_has_a_table(sha256: str) -> None:
    table = shipped_gap_table(replace(FakePack.contract, files=(("network", sha256),)))
    assert table
    assert table.points[0].users == 100
    assert all(0.1 < point.gap < 0.5 for point in table.points)


def test_another_network_has_none() -> None:
    assert shipped_gap_table(FakePack.contract) is None
