"""The state machine run for so many steps, as a row of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.lab import Lab
from tests.faults.machine.rules import Settling
from tests.faults.report import Row

NUMBER = 10

UNDISTURBED = settings(
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=True,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
_RUNS_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Size:
    steps: int


SMALL = Size(steps=500)
FULL = Size(steps=10_000)


class _Counted(Settling):
    """A count of its own."""


def run(_lab: Lab, size: Size) -> Iterator[Row]:
    problems = []
    # Other runs each time: what is repeatable would only be repeated.
    random = settings(UNDISTURBED, derandomize=False, max_examples=_RUNS_AT_A_TIME)
    _Counted.steps = _Counted.runs = _Counted.jobs = 0
    try:
        while _Counted.steps < size.steps:
            run_state_machine_as_test(_Counted, settings=random)
    except AssertionError as error:
        problems.append("\n".join([f"a counterexample: {error}", *getattr(error, "__notes__", [])]))
    yield Row(
        experiment=NUMBER,
        done=f"a state machine on a simulated server and database, {_Counted.steps:,} steps",
        jobs=_Counted.jobs,
        lost=len(problems),
        doubled=0,
        dead_expected=0,
        dead_found=0,
        measured=f"{_Counted.runs:,} runs, {len(problems)} counterexamples",
        problems=tuple(problems),
    )
