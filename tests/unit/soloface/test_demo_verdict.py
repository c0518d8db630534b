"""What the demo says of itself at the end, and its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from dataflow.jobs.reason import Reason
from dataflow.settings import Settings
from soloface.cli.demo import story
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.command import demo
from soloface.cli.demo.people import ENROLLED
from soloface.cli.demo.report import Answer
from soloface.cli.demo.scenario import Case
from soloface.cli.demo.second_act import Step
from tests.builders import FakePack

JOB = Answer(
    Case("a job", frozenset({Reason.NO_FACE}), jpeg(ENROLLED[0].portrait())),
    Reason.NO_FACE,
    None,
    None,
    1,
)
STEP = Step("a step", "gained", "gained")


def test_a_step_says_what_came_and_what_had_to() -> None:
    wrong = replace(STEP, outcome="not told")

    assert STEP.as_expected
    assert not wrong.as_expected
    assert wrong.line().endswith("not told, and not gained")


@pytest.mark.parametrize(
    ("answer", "step", "problems"),
    [
        (replace(JOB, reason=Reason.MATCHED), STEP, []),
        (JOB, replace(STEP, outcome="not told"), []),
        (JOB, STEP, ["a job is left on the stream"]),
    ],
)
def test_anything_that_is_not_as_said_is_exit_code_1(
    answer: Answer,
    step: Step,
    problems: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tells(monkeypatch, [JOB], [STEP], [])
    demo(tmp_path, 1)

    tells(monkeypatch, [answer], [step], problems)
    with pytest.raises(typer.Exit) as ended:
        demo(tmp_path, 1)
    assert ended.value.exit_code == 1


def tells(
    monkeypatch: pytest.MonkeyPatch, answers: list[Answer], steps: list[Step], problems: list[str]
) -> None:
    """Have the story go like this, without servers."""

    @contextmanager
    def told(_workers: int) -> Iterator[story.Story]:
        yield story.Story(answers, steps, problems, Settings(), FakePack())

    monkeypatch.setattr(story, "told", told)
