"""From symptoms to metrics that there are; and all pages name commands that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

import pytest
import typer
import yaml
from typer.core import TyperGroup

from dataflow.jobs.reason import Reason
from docs.generate import metrics_table
from soloface.cli.frame.app import app
from soloface.cli.frame.lazy import Unloaded
from tests.fixtures.prometheus import RULES
from tests.unit.repository.test_docs import DOCS

PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("<!-- runbook -->")[2].partition("<!-- end -->")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TABLE.strip().splitlines()[2:]
]
CODE = re.compile(r"`([^`]+)`")
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ALERTS = {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
EVERY_PROCESS = {"process_start_time_seconds", "process_resident_memory_bytes"}
METRICS = set(re.findall(r"^\| `(soloface_\w+)`", metrics_table(), re.MULTILINE)) | EVERY_PROCESS
ROOT = typer.main.get_command(app)


def commands() -> Iterator[str]:
    """What the pages tell to run of ours, in their text and in blocks of commands."""
    for page in (DOCS.parent / "README.md", *DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        blocks = "\n".join(FENCE.findall(text)).replace("\\\n", "").splitlines()
        for line in (*CODE.findall(FENCE.sub("", text)), *blocks):
            command = line.strip().removeprefix("uv run ")
            if command.startswith("soloface ") and "…" not in command:
                yield command


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_symptom_has_a_metric_a_command_and_an_advice(row: list[str]) -> None:
    _, watched, command, advice = row
    names = CODE.findall(watched)
    assert names
    assert set(names) <= METRICS | ALERTS
    assert [shlex.split(code)[0] for code in CODE.findall(command)] in (["soloface"], ["curl"])
    assert advice.endswith((".", "?"))


def test_every_alert_has_a_symptom() -> None:
    assert {name for row in ROWS for name in CODE.findall(row[1])} >= ALERTS


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_command_exists_with_its_options(line: str) -> None:
    command, rest = ROOT, shlex.split(line, comments=True)[1:]
    while isinstance(command, TyperGroup) and not rest[0].startswith("-"):
        assert rest[0] in command.commands, line
        command = command.commands[rest.pop(0)]
        command = command.load() if isinstance(command, Unloaded) else command
    known = {option: param for param in command.params for option in param.opts}
    for option, value in pairwise([*rest, ""]):
        if option.startswith("-"):
            assert option in known, line
            if option == "--reason":
                assert value in set(Reason), line
