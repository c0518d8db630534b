"""All experiments, at full size: ``uv run python -m tests.faults``.

Prints a table, and ends with exit code 1 if one of them fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import orjson
import typer
from rich.console import Console

from dataflow.faces.packs.install import install_pack
from dataflow.faces.packs.loading import load_pack
from dataflow.settings import OPEN_PACK, ModelSettings
from tests.faults.experiments import EXPERIMENTS, Experiment
from tests.faults.lab import Lab
from tests.faults.page import fill
from tests.faults.report import Row, table

_PIPED_WIDTH = 160

console = Console()
if not console.is_terminal:
    console = Console(width=_PIPED_WIDTH)
Results = dict[str, list[Row]]


class Size(StrEnum):
    """How much is broken."""

    SMALL = "small"
    FULL = "full"


def main(
    *,
    only: Annotated[
        list[int] | None,
        typer.Option(help="The number of an experiment; may be given several times."),
    ] = None,
    size: Annotated[Size, typer.Option(help="`small` is what the tests run.")] = Size.FULL,
    json: Annotated[
        Path | None, typer.Option(help="Write the rows there after each experiment.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out the experiments that --json has passed.")
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Fill the marked block of that page with the table.")
    ] = None,
) -> None:
    """Break things on purpose, and check that nothing is lost, doubled or left unexplained."""
    results = _read(json, size) if json and resume else {}
    chosen = [one for one in EXPERIMENTS if not only or one.number in only]
    with _lab() as lab:
        for experiment in chosen:
            if not _passed(results.get(str(experiment.number))):
                results[str(experiment.number)] = _run(experiment, lab, size)
                if json:
                    _write(json, size, results)
    rows = [row for number in sorted(results, key=int) for row in results[number]]
    console.print(table(rows))
    for row in rows:
        for problem in row.problems:
            console.print(f"{row.experiment}: {problem}", style="red", markup=False)
    if markdown:
        fill(markdown, rows, str(size))
    raise typer.Exit(int(any(row.problems for row in rows)))


def _run(experiment: Experiment[object], lab: Lab, size: Size) -> list[Row]:
    about = f", about {experiment.minutes:g} min" if size is Size.FULL else ""
    console.print(f"{experiment.number}: {experiment.title}{about} …", highlight=False)
    began = time.monotonic()
    rows = []
    try:
        for row in experiment.rows(lab, full=size is Size.FULL):
            rows.append(row)
            console.print(f"   {row.done}: {row.cells()[-1]}", highlight=False, markup=False)
    except Exception as error:  # noqa: BLE001 - the other experiments have their turn
        console.print_exception()
        rows.append(Row.broken_off(experiment.number, experiment.title, error))
    console.print(f"   {time.monotonic() - began:.0f} s", highlight=False)
    return rows


def _passed(rows: list[Row] | None) -> bool:
    return bool(rows) and not any(row.problems for row in rows or [])


@contextmanager
def _lab() -> Iterator[Lab]:
    with TemporaryDirectory(prefix="soloface-models-") as root:
        install_pack(OPEN_PACK, Path(root))
        pack = load_pack(ModelSettings(pack=OPEN_PACK, root=Path(root)))
        with Lab(Path(root), pack) as lab:
            yield lab


def _read(path: Path, size: Size) -> Results:
    if not path.exists():
        return {}
    kept = orjson.loads(path.read_bytes())
    if kept["size"] != size:
        return {}
    return {
        number: [Row.from_json(row) for row in rows] for number, rows in kept["experiments"].items()
    }


def _write(path: Path, size: Size, results: Results) -> None:
    experiments = {number: [row.to_json() for row in rows] for number, rows in results.items()}
    content = {"size": size, "experiments": experiments}
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    typer.run(main)
