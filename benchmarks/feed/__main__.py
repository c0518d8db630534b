"""``python -m benchmarks.feed``: how soon a change of a tag is told, and what that costs."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from rich.console import Console

from benchmarks.feed.answers import answered
from benchmarks.feed.cost import Cost, writers
from benchmarks.feed.listener import latencies, listening, percentiles
from benchmarks.lanes import WorkerLane
from benchmarks.measure import Sample
from benchmarks.photos import SIZES, make_photos
from benchmarks.report import Page, require_place, said, tell_pages
from benchmarks.results import Machine, this_machine
from benchmarks.serving import serving
from benchmarks.stage import Site, build_site
from connectors.embedded import Servers
from dataflow.faces.packs.install import install_pack
from dataflow.settings import OPEN_PACK, PREFIX

PLACE = "measured: feed"
_PATIENCE_S = 600

_TAGS = """
with p as (insert into photos select from generate_series(1, %(count)s) returning id),
f as (
    insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score)
    select p.id, 0, u.face_embedding, '{}', coalesce(%(model)s, u.face_embedding_model), 1
    from p, (select face_embedding, face_embedding_model from users limit 1) as u
    returning id, photo_id
)
insert into face_matches (photo_face_id, user_id, confidence)
select f.id, (select id from users limit 1), 0.3 from f
returning on_photo_id
"""

console = Console()


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: single changes, changes at once, photos and rounds."""

    changes: int
    burst: int
    jobs: int
    photos: int
    rounds: int


NAMED = {
    "smoke": Size(changes=10, burst=500, jobs=16, photos=32, rounds=1),
    "default": Size(changes=400, burst=30_000, jobs=1200, photos=1600, rounds=7),
}


@dataclass(slots=True)
class Results:
    """Everything of one run. Latencies are seconds from commit to event.

    But for ``taken_s`` and ``answered_s``, which are from a moderator's answer to the reply, and to
    the event.
    """

    size: str
    machine: Machine = field(default_factory=this_machine)
    took_s: float = 0
    idle_s: list[float] = field(default_factory=list)
    taken_s: list[float] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)
    loaded_s: list[float] = field(default_factory=list)
    photo: Sample | None = None
    per_s: list[float] = field(default_factory=list)
    costs: list[tuple[Cost, Cost]] = field(default_factory=list)


def measure(name: str, size: Size) -> Results:
    """Measure all of it, one thing after the other."""
    began, results = time.perf_counter(), Results(name)
    with tempfile.TemporaryDirectory(prefix="soloface-bench-") as folder, Servers() as servers:
        root = Path(folder, "models")
        root.mkdir()
        install_pack(OPEN_PACK, root)
        sites = [_with_own_feed(build_site(servers, OPEN_PACK, root)) for _ in range(3)]
        keys = sites[0].upload(make_photos(Path(folder, "photos"), SIZES["2 MP"]))
        _measure_worker(sites[0], keys, size, results)
        with writers(*sites[1:]) as (tells, silent):
            for lane in (tells, silent):
                lane.round(size.photos)  # warms up
            for _ in range(size.rounds):
                results.costs.append((tells.round(size.photos), silent.round(size.photos)))
    results.took_s = time.perf_counter() - began
    return results


def _with_own_feed(site: Site) -> Site:
    tag = secrets.token_hex(4)
    own = {
        f"{PREFIX}NATS__TAGS_STREAM": f"TAGS_{tag}",
        f"{PREFIX}NATS__TAGS_SUBJECT": f"tags.{tag}",
    }
    return replace(site, variables={**site.variables, **own})


def _measure_worker(site: Site, keys: list[str], size: Size, results: Results) -> None:
    queue = site.queue()
    with (
        psycopg.connect(site.settings.database.dsn.get_secret_value(), autocommit=True) as platform,
        WorkerLane(queue, keys) as lane,
        listening(queue) as listener,
    ):
        tags = _tagged(platform, size.burst, "none")
        lane.wait_ready()
        _wait_told(platform)
        results.idle_s = latencies(platform, listener, tags[: size.changes])
        with serving(queue.variables) as web:
            doubtful = _tagged(platform, size.changes)
            _wait_told(platform)
            results.taken_s, results.answered_s = answered(web.url, listener, doubtful)
        for _ in range(max(1, size.rounds // 2)):
            results.per_s.append(_burst(platform, size.burst))
        lane.round(8)
        results.photo = lane.round(size.jobs // 4)
        queue.publish(list(islice(cycle(keys), size.jobs)))
        lane.resume()
        results.loaded_s = latencies(platform, listener, tags[: size.changes])


def _tagged(platform: psycopg.Connection, count: int, model: str | None = None) -> list[UUID]:
    """Tag so many new photos; no worker matches faces again that are of another model."""
    rows = platform.execute(_TAGS, {"count": count, "model": model}).fetchall()
    return [photo_id for (photo_id,) in rows]


def _burst(platform: psycopg.Connection, count: int) -> float:
    """Change all tags at once; returns how many changes are told in a second."""
    platform.execute("update face_matches set confidence = 1 - confidence")
    began = time.perf_counter()
    return count / (_wait_told(platform) - began)


def _wait_told(platform: psycopg.Connection) -> float:
    deadline = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < deadline:
        row = platform.execute("select exists (select from face_outbox)").fetchone()
        if row == (False,):
            return time.perf_counter()
        time.sleep(0.01)
    raise TimeoutError("the changes are not told")


def pages(results: Results) -> Iterator[Page]:
    """The tables."""
    measured = {
        "from commit to event, worker idle": results.idle_s,
        "from commit to event, worker at work": results.loaded_s,
        "from a moderator's answer over HTTP to the reply": results.taken_s,
        "from a moderator's answer over HTTP to the event": results.answered_s,
    }
    rows = [
        (what, *(f"{ms:.0f} ms" for ms in percentiles(seconds)))
        for what, seconds in measured.items()
    ]
    yield Page("How soon a change is told", ("", "p50", "p99"), rows)
    rates = [f"{rate:,.0f}" for rate in (median(results.per_s), min(results.per_s))]
    yield Page(
        "How many changes a worker tells in a second", ("", "median", "least"), [("", *rates)]
    )
    yield Page(
        "What the outbox costs a matched photo, CPU ms",
        ("", "with the outbox", "without", "difference", "of a photo"),
        list(_cost_rows(results)),
    )


def _cost_rows(results: Results) -> Iterator[tuple[str, ...]]:
    photo = results.photo
    whole_ms = photo.cpu_ms + 1000 * photo.servers_s / photo.photos if photo else float("nan")
    parts = {
        "writing and telling, the worker": attrgetter("own_ms"),
        "PostgreSQL": attrgetter("postgres_ms"),
        "NATS": attrgetter("nats_ms"),
        "together": attrgetter("ms"),
    }
    for name, part in parts.items():
        with_it = median(part(tells) for tells, _ in results.costs)
        without = median(part(silent) for _, silent in results.costs)
        more = median(part(tells) - part(silent) for tells, silent in results.costs)
        share = f"{100 * more / whole_ms:.1f} %"
        yield name, f"{with_it:.3f}", f"{without:.3f}", f"{more:.3f}", share
    yield "a photo of 2 MP, worker and servers", "", "", f"{whole_ms:.1f}", "100 %"


def main(
    size: Annotated[str, typer.Option(help=" | ".join(NAMED))] = "default",
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables into their place on this page.")
    ] = None,
) -> None:
    """Measure the feed of tag changes with a real worker and real servers."""
    if size not in NAMED:
        raise typer.BadParameter(f"--size is {' or '.join(NAMED)}")
    require_place(markdown, PLACE)
    results = measure(size, NAMED[size])
    text = said(size, results.machine, results.took_s)
    tell_pages(text, list(pages(results)), console, markdown, PLACE)


if __name__ == "__main__":
    typer.run(main)
