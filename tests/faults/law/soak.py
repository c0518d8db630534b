"""Experiment 13: the law run for so many steps on a real PostgreSQL, as a row of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.lab import Lab
from tests.faults.law.grounds import grounds
from tests.faults.law.rules import law_on
from tests.faults.machine.soak import UNDISTURBED
from tests.faults.report import Row

NUMBER = 13

UNSHRUNK = settings(UNDISTURBED, phases=[Phase.generate])
"""Shrinking a run on a real server takes longer than reading it."""
_RUNS_AT_A_TIME = 50


@dataclass(frozen=True, slots=True)
class Size:
    steps: int


SMALL = Size(steps=200)
FULL = Size(steps=20_000)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    problems = []
    # Other runs each time: what is repeatable would only be repeated.
    random = settings(UNSHRUNK, derandomize=False, max_examples=_RUNS_AT_A_TIME)
    with lab.database() as database, grounds(database) as ground:
        law = law_on(ground)
        try:
            while law.steps < size.steps:
                run_state_machine_as_test(law, settings=random)
        except AssertionError as error:
            notes = getattr(error, "__notes__", [])
            problems.append("\n".join([f"a counterexample: {error}", *notes]))
    yield Row(
        experiment=NUMBER,
        done=f"a state machine of the tags on a real PostgreSQL, {law.steps:,} steps",
        jobs=0,
        lost=len(problems),
        doubled=0,
        dead_expected=0,
        dead_found=0,
        measured=f"{law.runs:,} runs, tags compared {law.settled:,} times, "
        f"{len(problems)} counterexamples",
        problems=tuple(problems),
    )
