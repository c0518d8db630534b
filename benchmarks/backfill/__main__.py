"""``python -m benchmarks.backfill``: what live jobs feel of a backlog that can wait."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import psycopg
import typer

from benchmarks.backfill.traffic import Felt, Traffic
from benchmarks.lanes import WORKER, WorkerProcess
from benchmarks.photos import SIZES, make_photos
from benchmarks.stage import Queue, build_site
from connectors.embedded import Servers
from connectors.jetstream.connection import connect
from dataflow.faces.packs.install import install_pack
from dataflow.jobs.stages import Stage
from dataflow.settings import OPEN_PACK

GOAL = 1.3
"""So many times as long may the slowest live job of a hundred take beside a backlog."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Rounds of ``round_s`` seconds without and with the backlog, in turns."""

    backlog: int
    rounds: int
    round_s: float
    load: float


@dataclass(slots=True)
class Found:
    """What live jobs felt, and the jobs per second that could wait."""

    live_per_s: float = 0
    backfill_alone_per_s: float = 0
    backfill_beside_per_s: float = 0
    without: list[Felt] = field(default_factory=list)
    beside: list[Felt] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times as long the 99th percentile is beside the backlog."""
        return _percentile(self.beside, 99) / _percentile(self.without, 99)

    def lines(self) -> list[str]:
        """For a person."""
        told = [f"live jobs: {self.live_per_s:.1f}/s at random moments"]
        for name, felt in (("without", self.without), ("beside ", self.beside)):
            p50, p95, p99 = (1000 * _percentile(felt, p) for p in (50, 95, 99))
            told.append(
                f"{name} the backlog: {len(felt)} jobs, publish to event "
                f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
            )
        told.append(f"p99 beside / without: {self.ratio:.2f} (goal: at most {GOAL})")
        for name, share in (("all jobs", 1.0), ("the slowest twentieth", 0.05)):
            before, after = _parts(self.without, share), _parts(self.beside, share)
            spent = ", ".join(
                f"{part} {1000 * seconds:.0f} -> {1000 * after[part]:.0f}"
                for part, seconds in before.items()
            )
            told.append(f"mean ms of {name}, without -> beside: {spent}")
        told.append(
            f"backfill: {self.backfill_alone_per_s:.1f}/s alone, "
            f"{self.backfill_beside_per_s:.1f}/s beside live jobs"
        )
        return told


def _percentile(felt: list[Felt], percent: float) -> float:
    return float(np.percentile([one.seconds for one in felt], percent))


def _parts(felt: list[Felt], share: float) -> dict[str, float]:
    """Mean seconds of each stage of so large a share of the jobs, the slowest, and between them."""
    slow = sorted(felt, key=lambda one: -one.seconds)[: max(1, round(share * len(felt)))]
    told = [stage for stage in Stage if stage not in {Stage.ANNOUNCE, Stage.ANSWER}]
    parts = {str(stage): [one.stages.get(stage, 0) for one in slow] for stage in told}
    parts["between"] = [one.between for one in slow]
    return {part: float(np.mean(seconds)) for part, seconds in parts.items()}


def measured(plan: Plan, variables: Mapping[str, str]) -> Found:
    """Give one worker live jobs without and with a backlog, in turns."""
    with tempfile.TemporaryDirectory(prefix="soloface-bench-") as name, Servers() as servers:
        folder, root = Path(name) / "photos", Path(name) / "models"
        root.mkdir()
        make_photos(folder, SIZES["500 px"])
        install_pack(OPEN_PACK, root)
        site = build_site(servers, OPEN_PACK, root)
        keys = site.upload(sorted(folder.iterdir()))
        queue = site.queue().having({"NATS__EVENTS": "true", **variables})
        worker = WorkerProcess(WORKER, queue.variables)
        try:
            worker.wait_ready()
            return asyncio.run(_take_turns(queue, keys, plan))
        finally:
            worker.close()


async def _take_turns(queue: Queue, keys: list[str], plan: Plan) -> Found:
    settings, found = queue.settings, Found()
    connection = await connect(settings.nats, "benchmark")
    dsn = settings.database.dsn.get_secret_value()
    try:
        async with await psycopg.AsyncConnection.connect(dsn) as database:
            traffic = Traffic(connection, database, settings.nats, keys)
            await traffic.listen()
            await traffic.hold_back()
            await traffic.fill(plan.backlog)
            await traffic.live(5, plan.round_s / 3)  # warms up
            found.backfill_alone_per_s = await _alone(traffic, plan.round_s)
            found.live_per_s = plan.load * found.backfill_alone_per_s
            others = beside_s = 0.0
            for _ in range(plan.rounds):
                await traffic.hold_back()
                found.without += await traffic.live(found.live_per_s, plan.round_s)
                await traffic.let_go()
                # The first live job tells the worker that somebody waits.
                await traffic.live(found.live_per_s, 1)
                before, began = traffic.others, time.perf_counter()
                found.beside += await traffic.live(found.live_per_s, plan.round_s)
                others += traffic.others - before
                beside_s += time.perf_counter() - began
            found.backfill_beside_per_s = others / beside_s
    finally:
        await connection.close()
    return found


async def _alone(traffic: Traffic, seconds: float) -> float:
    await traffic.let_go()
    before, began = traffic.others, time.perf_counter()
    await asyncio.sleep(seconds)
    return (traffic.others - before) / (time.perf_counter() - began)


def main(  # noqa: PLR0913 - one for each option
    *,
    backlog: Annotated[int, typer.Option(help="Jobs that can wait.")] = 50_000,
    rounds: Annotated[int, typer.Option(help="Rounds without and with it.")] = 10,
    round_s: Annotated[float, typer.Option(help="Seconds of a round.")] = 20,
    load: Annotated[
        float, typer.Option(help="Live jobs, as a share of what the worker can do.")
    ] = 0.3,
    setting: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the worker, without SOLOFACE_.")
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="A minute; shows that it works, and no more.")
    ] = False,
) -> None:
    """Publish live jobs at random moments, without and beside a backlog of jobs that can wait."""
    plan = Plan(200, 1, 4, load) if smoke else Plan(backlog, rounds, round_s, load)
    variables = dict(text.split("=", 1) for text in setting or ())
    found = measured(plan, variables)
    for line in found.lines():
        typer.echo(line)
    if not smoke and found.ratio > GOAL:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
