"""The state machine in a small size, and whether it would find the mistake it is made for."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine.rules import SeenSoDropped, Settling
from tests.faults.machine.soak import UNDISTURBED


def test_nothing_is_lost_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(Settling, settings=settings(UNDISTURBED, max_examples=20))


def test_dropping_what_was_seen_is_found_out() -> None:
    unshrunk = settings(UNDISTURBED, max_examples=1000, phases=[Phase.generate])
    with pytest.raises(AssertionError, match=r"lost|should have matched"):
        run_state_machine_as_test(SeenSoDropped, settings=unshrunk)
