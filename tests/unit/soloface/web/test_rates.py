"""How many requests somebody may make."""

from __future__ import annotations

import pytest

from soloface.web.gate.rates import REMEMBERED, Rates


def test_a_bucket_empties_and_fills_again() -> None:
    now = 0.0
    rates = Rates(60, lambda: now)

    assert [rates.wait_s("olga") for _ in range(60)] == [0] * 60
    assert rates.wait_s("olga") == pytest.approx(1)
    assert rates.wait_s("otto") == 0
    now = 0.5
    assert rates.wait_s("olga") == pytest.approx(0.5)
    now = 1.01
    assert rates.wait_s("olga") == 0
    now = 10_000
    assert [rates.wait_s("olga") for _ in range(61)][-1] > 0


def test_it_remembers_no_more_than_it_may() -> None:
    rates = Rates(60, lambda: 0)
    for number in range(REMEMBERED + 10):
        rates.wait_s(f"peer {number}")
    assert len(rates._buckets) == REMEMBERED
