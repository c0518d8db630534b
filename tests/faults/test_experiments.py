"""The experiments in their small size; the full one: ``python -m tests.faults``."""

from __future__ import annotations

import os

import pytest

from tests.faults import kills, upheaval
from tests.faults.experiments import EXPERIMENTS
from tests.faults.lab import Lab
from tests.faults.law import soak as law
from tests.faults.machine import soak
from tests.patience import LONG_TEST_S

IN_EACH_RUN = (kills.NUMBER, upheaval.NUMBER)
"""The others take minutes together, and what they break is broken in other tests, too."""

NUMBERS = [one.number for one in EXPERIMENTS if one.number not in {soak.NUMBER, law.NUMBER}]
"""The state machines have tests of their own."""


@pytest.mark.timeout(LONG_TEST_S)
@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_is_lost_and_nothing_doubled(lab: Lab, number: int) -> None:
    if number not in IN_EACH_RUN and "TEST_FAULTS" not in os.environ:
        pytest.skip("set TEST_FAULTS to run all experiments")
    (experiment,) = [one for one in EXPERIMENTS if one.number == number]
    rows = list(experiment.rows(lab, full=False))
    assert rows
    problems = [f"{row.done}: {problem}" for row in rows for problem in row.problems]
    assert not problems, "\n".join(problems)
