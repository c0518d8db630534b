"""The README says what the code does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from dataflow.outcome import Outcome, Reason
from dataflow.settings import PREFIX, Settings

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def settings_rows() -> Iterator[str]:
    """The README's table of settings, made from the settings class."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for inner, inner_field in section.model_fields.items():
                yield _row(f"{name}__{inner}", inner_field)
        else:
            yield _row(name, field)


def _row(name: str, field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, (tuple, frozenset)):
        value = ",".join(value)
    if isinstance(value, bool):
        value = str(value).lower()
    shown = "" if value in (None, "") else f"`{value}`"
    return f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |"


@pytest.mark.parametrize("row", list(settings_rows()))
def test_every_setting_is_in_the_table_as_it_is(row: str) -> None:
    assert row in README


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_in_the_table_of_outcomes(reason: Reason) -> None:
    outcome = "**matched**" if reason.outcome is Outcome.MATCHED else str(reason.outcome)
    assert f"| {outcome} | `{reason}` |" in README


def test_the_diagram_is_the_flow_that_runs() -> None:
    drawing = subprocess.run(
        [sys.executable, "-m", "bytewax.visualize", "dataflow:flow", "-o", "mermaid"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    assert f"```mermaid\n{drawing}\n```" in README


if __name__ == "__main__":
    sys.stdout.write("\n".join(settings_rows()) + "\n")
