"""The whole story: servers, people, photos and jobs, the worker, and what came of it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from connectors.embedded import Servers
from connectors.embedded.buckets import create_bucket
from connectors.postgres.setup.migrate import migrate
from dataflow.faces.face import FacePack
from dataflow.faces.packs.catalog import published_threshold
from dataflow.faces.packs.install import install_pack
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.reason import Outcome, Reason
from dataflow.settings import OPEN_PACK, PREFIX, Settings, load_settings
from soloface.cli.demo import run
from soloface.cli.demo.doubtful import MIN_MARGIN
from soloface.cli.demo.enrolment import enrol_everybody
from soloface.cli.demo.report import Answer, match_table, outcome_table
from soloface.cli.demo.scenario import Case, cases
from soloface.cli.demo.second_act import ELSEWHERE, HERE, Step, play
from soloface.cli.frame.output import console, counted, progress, show_tables


@dataclass(frozen=True, slots=True)
class Story:
    """What came of it: the answers, the steps of the second act, and what is wrong beyond both.

    ``settings`` lead to the servers, which run still.
    """

    answers: list[Answer]
    steps: list[Step]
    problems: list[str]
    settings: Settings
    pack: FacePack


@contextmanager
def told(workers: int) -> Iterator[Story]:
    """Run it in a folder and on servers that are gone afterwards.

    Raises:
        ConfigurationError, SystemicError: a server or the worker did not run.
    """
    with tempfile.TemporaryDirectory(prefix="soloface-demo-") as scratch, Servers() as servers:
        console.print("NATS, PostgreSQL with pgvector and an S3 store are running.")
        os.environ.update(_environment(servers.environment(), Path(scratch)))
        yield _play(load_settings(), workers)


def _environment(servers: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The settings of the demo's worker; the user's own are set aside."""
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[variable]
    return {
        **servers,
        f"{PREFIX}MODEL__PACK": OPEN_PACK,
        f"{PREFIX}MODEL__ROOT": str(scratch),
        # By default strangers get their nearest user.
        f"{PREFIX}MATCH__MAX_DISTANCE": str(published_threshold(OPEN_PACK)),
        f"{PREFIX}MATCH__MIN_MARGIN": str(MIN_MARGIN),
        f"{PREFIX}WORKER__PHOTO_GRACE_S": "1",
        f"{PREFIX}WEB__PORT": "0",
        f"{PREFIX}LOG__FORMAT": "json",
    }


def _play(settings: Settings, workers: int) -> Story:
    create_bucket(settings.store)
    migrate(settings.database, settings.model.embedding_dimension)
    install_pack(OPEN_PACK, settings.model.root)
    pack = load_pack(settings.model)
    console.print(f"The model pack {pack.contract.id} is installed.")
    names = enrol_everybody(settings, pack)
    jobs = cases()
    run.furnish(settings, jobs)
    published = asyncio.run(run.publish(settings.nats, jobs))
    people = counted(len(names), "user is", "users are")
    console.print(f"{people} enrolled, {counted(len(published), 'job')} published.")
    started = time.monotonic()
    lines = run.run_worker(os.environ, workers, published)
    with progress() as bar:
        answers = {
            line["stream_seq"]: _answer(published[line["stream_seq"]], line, names)
            for line in bar.track(lines, len(published), description="Settling")
        }
    took_s = time.monotonic() - started
    console.print(f"The worker has settled them and drained, in {took_s:.1f} s with its start.")
    ordered = [answers[sequence] for sequence in published]
    problems = _contradictions(settings, ordered, names)
    show_tables(match_table(ordered), outcome_table(ordered))
    title = f"Second act: the galleries {HERE} and {ELSEWHERE}, people by messages"
    console.print(f"[italic]{title}[/]")
    steps = []
    for step in play(settings, ordered, names):
        console.print(step.line())
        steps.append(step)
    return Story(ordered, steps, problems, settings, pack)


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
        problems.append(f"{counted(unsettled, 'job is', 'jobs are')} left on the stream")
    rejected = sum(answer.reason.outcome is Outcome.REJECTED for answer in answers)
    if dead != rejected:
        problems.append(f"jobs rejected: {rejected}, but dead letters: {dead}")
    return problems
