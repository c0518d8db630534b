"""The command itself: what it does, in the order in which it tells it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import track

from connectors.embedded import Servers
from connectors.embedded.buckets import create_bucket
from connectors.postgres.migrate import migrate
from dataflow.faces.packs.install import install_pack
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.reason import Outcome, Reason
from dataflow.settings import OPEN_PACK, PREFIX, Settings, load_settings
from soloface.cli.demo import run
from soloface.cli.demo.report import Answer, contact_sheet, match_table, outcome_table
from soloface.cli.demo.scenario import Case, cases
from soloface.cli.output import JsonOption, console, print_json


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the contact sheet.")] = Path(
        "soloface-demo"
    ),
    workers: Annotated[int, typer.Option("-w", "--workers", min=1, help="Bytewax workers.")] = 1,
    *,
    as_json: JsonOption = False,
) -> None:
    """Watch it work: real NATS, PostgreSQL and S3 servers, real models, real photos.

    Everything lives in a temporary folder and is gone afterwards, but for the contact sheet. Exit
    code 0 only if every job ended as expected.
    """
    console.quiet = as_json
    with tempfile.TemporaryDirectory(prefix="soloface-demo-") as scratch, Servers() as servers:
        console.print("NATS, PostgreSQL with pgvector and an S3 store are running.")
        environment = _environment(servers.environment(), Path(scratch))
        os.environ.update(environment)
        settings = load_settings()
        answers, problems = _play(settings, workers)
    output.mkdir(parents=True, exist_ok=True)
    sheet = output / "contact-sheet.png"
    contact_sheet(answers, sheet)
    unexpected = sum(not answer.as_expected for answer in answers)
    if as_json:
        print_json({"jobs": list(map(_as_dict, answers)), "problems": problems})
    console.print(match_table(answers), outcome_table(answers))
    for problem in problems:
        console.print(f"[red]✗[/] {problem}")
    console.print(
        f"{len(answers)} jobs, {len(answers) - unexpected} as expected. Faces: {sheet}",
        highlight=False,
    )
    if unexpected or problems:
        raise typer.Exit(1)


def _environment(servers: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The settings of the demo's worker; the user's own are set aside."""
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[variable]
    return {
        **servers,
        f"{PREFIX}MODEL__PACK": OPEN_PACK,
        f"{PREFIX}MODEL__ROOT": str(scratch),
        f"{PREFIX}MATCH__MAX_DISTANCE": "0.55",  # by default strangers get their nearest user
        f"{PREFIX}WORKER__PHOTO_GRACE_S": "1",
        f"{PREFIX}LOG__FORMAT": "json",
    }


def _play(settings: Settings, workers: int) -> tuple[list[Answer], list[str]]:
    """Run the whole story; returns the answers and what is wrong beyond them."""
    create_bucket(settings.store)
    migrate(settings.database, settings.model.embedding_dimension)
    install_pack(OPEN_PACK, settings.model.root)
    pack = load_pack(settings.model)
    console.print(f"The model pack {pack.contract.id} is installed.")
    names = run.enrol_everybody(settings, pack)
    jobs = cases()
    run.furnish(settings, jobs)
    published = asyncio.run(run.publish(settings.nats, jobs))
    console.print(f"{len(names)} users are enrolled, {len(published)} jobs published.")
    started = time.monotonic()
    lines = run.run_worker(os.environ, workers, published)
    answers = {
        line["stream_seq"]: _answer(published[line["stream_seq"]], line, names)
        for line in track(lines, "Settling", total=len(published), console=console, transient=True)
    }
    took_s = time.monotonic() - started
    console.print(f"The worker has settled them and drained, in {took_s:.1f} s with its start.")
    ordered = [answers[sequence] for sequence in published]
    return ordered, _contradictions(settings, ordered, names)


def _answer(case: Case, line: run.LogLine, names: Mapping[UUID, str]) -> Answer:
    user_id = line.get("user_id")
    return Answer(
        case=case,
        reason=Reason(line["reason"]),
        user=names[UUID(user_id)] if user_id else None,
        distance=line.get("distance"),
        deliveries=line["deliveries"],
    )


def _contradictions(
    settings: Settings, answers: list[Answer], names: Mapping[UUID, str]
) -> list[str]:
    """Whether the database and the streams tell the same story as the worker's log."""
    problems = []
    told = sorted((a.case.photo_id, a.user) for a in answers if a.user is not None)
    stored = sorted((photo_id, names[user_id]) for photo_id, user_id in run.matches(settings))
    if told != stored:
        problems.append("face_matches differs from what the worker said")
    if {photo_id for photo_id, _ in stored} != {a.case.photo_id for a in answers if a.case.person}:
        problems.append("a photo of an enrolled user has no match")
    if len({photo_id for photo_id, _ in stored}) < len(stored):
        problems.append("a photo has more than one match")
    unsettled, dead = asyncio.run(run.backlog(settings.nats))
    if unsettled:
        problems.append(f"{unsettled} jobs are left on the stream")
    rejected = sum(answer.reason.outcome is Outcome.REJECTED for answer in answers)
    if dead != rejected:
        problems.append(f"{rejected} jobs were rejected, but there are {dead} dead letters")
    return problems


def _as_dict(answer: Answer) -> dict[str, object]:
    return {
        "job": answer.case.title,
        "expected": sorted(answer.case.expected),
        "reason": answer.reason,
        "user": answer.user,
        "distance": answer.distance,
        "deliveries": answer.deliveries,
        "as_expected": answer.as_expected,
    }
