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

from benchmarks.backfill.traffic import Traffic
from benchmarks.lanes import WORKER, WorkerProcess
from benchmarks.photos import SIZES, make_photos
from benchmarks.stage import Queue, build_site
from connectors.embedded import Servers
from connectors.jetstream.connection import connect
from dataflow.faces.packs.install import install_pack
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
    """Seconds of live jobs, and the jobs per second that could wait."""

    live_per_s: float = 0
    backfill_alone_per_s: float = 0
    backfill_beside_per_s: float = 0
    without_s: list[float] = field(default_factory=list)
    beside_s: list[float] = field(default_factory=list)
    stages_without_s: dict[str, list[float]] = field(default_factory=dict)
    stages_beside_s: dict[str, list[float]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """How many times as long the 99th percentile is beside the backlog."""
        return float(np.percentile(self.beside_s, 99) / np.percentile(self.without_s, 99))

    def lines(self) -> list[str]:
        """For a person."""
        told = [f"live jobs: {self.live_per_s:.1f}/s at random moments"]
        for name, seconds in (("without", self.without_s), ("beside ", self.beside_s)):
            p50, p95, p99 = (1000 * np.percentile(seconds, p) for p in (50, 95, 99))
            told.append(
                f"{name} the backlog: {len(seconds)} jobs, publish to event "
                f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
            )
        told.append(f"p99 beside / without: {self.ratio:.2f} (goal: at most {GOAL})")
        stages = ", ".join(
            f"{stage} {1000 * np.median(self.stages_without_s[stage]):.0f} -> "
            f"{1000 * np.median(seconds):.0f}"
            for stage, seconds in self.stages_beside_s.items()
            if stage in self.stages_without_s
        )
        told.append(f"median ms of a stage, without -> beside: {stages}")
        told.append(
            f"backfill: {self.backfill_alone_per_s:.1f}/s alone, "
            f"{self.backfill_beside_per_s:.1f}/s beside live jobs"
        )
        return told


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
                traffic.stages_s = found.stages_without_s
                found.without_s += await traffic.live(found.live_per_s, plan.round_s)
                await traffic.let_go()
                # The first live job tells the worker that somebody waits.
                await traffic.live(found.live_per_s, 1)
                traffic.stages_s = found.stages_beside_s
                before, began = traffic.others, time.perf_counter()
                found.beside_s += await traffic.live(found.live_per_s, plan.round_s)
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
