"""What an experiment found, as a row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from rich import box
from rich.table import Table

from tests.faults.checker import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was broken, and what came of it.

    ``done`` says what was done and how often, ``measured`` what is worth knowing beside the counts;
    ``problems`` are why it failed, one sentence each.
    """

    experiment: int
    done: str
    jobs: int
    lost: int
    doubled: int
    dead_expected: int
    dead_found: int
    measured: str = ""
    problems: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        experiment: int,
        done: str,
        verdict: Verdict,
        measured: str = "",
        problems: Sequence[str] = (),
    ) -> Self:
        """A row from the checker's word, with what the experiment itself found wrong."""
        return cls(
            experiment=experiment,
            done=done,
            jobs=verdict.jobs,
            lost=len(verdict.lost),
            doubled=len(verdict.doubled),
            dead_expected=verdict.dead_expected.total(),
            dead_found=verdict.dead_found.total(),
            measured=measured,
            problems=(*verdict.problems, *problems),
        )

    @classmethod
    def broken_off(cls, experiment: int, done: str, error: Exception) -> Self:
        """A row for what did not come to its end."""
        notes = getattr(error, "__notes__", [])
        problem = "\n".join([f"broken off: {type(error).__name__}: {error}", *notes])
        return cls(experiment, done, 0, 0, 0, 0, 0, problems=(problem,))

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """What :meth:`to_json` made."""
        return cls(**{**fields, "problems": tuple(fields["problems"])})

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def cells(self) -> list[str]:
        """As text, in the order of the headings."""
        return [
            str(self.experiment),
            self.done,
            f"{self.jobs:,}",
            str(self.lost),
            str(self.doubled),
            f"{self.dead_expected:,} / {self.dead_found:,}",
            self.measured,
            "fails" if self.problems else "passes",
        ]


HEADINGS = ("", "what was done", "jobs", "lost", "doubled", "dead", "measured", "")
"""``dead`` is dead letters expected / found."""


def table(rows: Sequence[Row]) -> Table:
    """For a terminal."""
    shown = Table(box=box.SIMPLE, show_header=True)
    for heading in HEADINGS:
        numeric = heading in {"jobs", "lost", "doubled", "dead"}
        shown.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row.cells())
    return shown


def markdown(rows: Sequence[Row]) -> str:
    """For a page."""
    lines = [
        "| | What was done | Jobs | Lost | Doubled | Dead letters expected / found | Measured | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines)
