"""``python -m benchmarks``: measure, compare, and say what was reached."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle, islice, product
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks import answers, growth, rates, scene, startup, threads
from benchmarks.photos import SIZES, make_photos
from benchmarks.report import show, write_markdown
from benchmarks.results import Results, SceneResult, Threads
from benchmarks.sizes import NAMED, Size
from benchmarks.stage import INSIGHTFACE_FOLDER, Site, build_site
from connectors.embedded import Servers
from dataflow.faces.packs.install import install_pack
from dataflow.settings import OPEN_PACK, ModelSettings

PARTS = ("scenes", "threads", "plumbing", "start", "answers", "growth")
USUAL = PARTS[:-1]
_SHARE = 0.75
"""What a lane's step takes of a round's time, with uploads and publishing: the first is short."""

console = Console()


@dataclass
class Bench:
    """One run: the servers, and a site for each pack, made when first needed."""

    size: Size
    servers: Servers
    folder: Path
    step: Callable[[], None]
    also: tuple[str, ...] = ()

    @cached_property
    def packs(self) -> dict[str, str]:
        """Their names, and what SOLOFACE_MODEL__PACK is for them."""
        found = {OPEN_PACK: OPEN_PACK}
        insightface = os.environ.get(INSIGHTFACE_FOLDER)
        if insightface and self.size.packs > 1:
            found[f"insightface ({Path(insightface).name})"] = insightface
        return found

    @cached_property
    def sites(self) -> dict[str, Site]:
        """A platform for each pack."""
        root = self.folder / "models"
        root.mkdir()
        install_pack(OPEN_PACK, root)
        return {name: build_site(self.servers, pack, root) for name, pack in self.packs.items()}

    def scene(self, pack: str, photos: str) -> scene.Scene:
        """A scene with its photos."""
        folder = self.folder / photos.replace(" ", "-")
        if not folder.exists():
            make_photos(folder, SIZES[photos])
        return scene.Scene(
            pack=pack,
            size=photos,
            folder=folder,
            site=self.sites[pack],
            insightface=pack != OPEN_PACK,
            scaling=photos == self.size.scaling_on,
            latencies_ms=self.size.latencies_ms,
            also=self.also,
        )

    def measure(self, part: str, results: Results) -> None:
        """Measure one part."""
        measures = {
            "scenes": self._measure_scenes,
            "threads": self._measure_threads,
            "plumbing": self._measure_plumbing,
            "start": self._measure_start,
            "answers": self._measure_answers,
            "growth": self._measure_growth,
        }
        measures[part](results)

    def _measure_scenes(self, results: Results) -> None:
        size = self.size
        for pack, photos in product(self.packs, size.photos):
            lanes = scene.measure(self.scene(pack, photos), size.rounds, size.round_s, self.step)
            results.scenes.append(SceneResult(pack, photos, lanes))

    def _measure_threads(self, results: Results) -> None:
        for pack, photos in product(self.packs, self.size.photos):
            keys, queue = self._upload(pack, photos), self.sites[pack].queue()
            used = threads.measure(queue, keys, self.folder, self.size.thread_photos)
            results.threads.append(Threads(pack, photos, used))
            self.step()

    def _measure_plumbing(self, results: Results) -> None:
        folder = self.folder / "tiny"
        results.rates = rates.measure(self.sites[OPEN_PACK], folder, self.size.plumbing_jobs)
        self.step()

    def _measure_start(self, results: Results) -> None:
        for pack in self.packs:
            keys = self._upload(pack, "500 px")
            found = startup.measure(
                self.sites[pack], pack, keys, self.size.starts, self.size.idle_s
            )
            results.startups.append(found)
            self.step()

    def _measure_answers(self, results: Results) -> None:
        for pack, name in self.packs.items():
            model = ModelSettings(pack=name, root=self.folder / "models")
            found = answers.measure(pack, model, self.size.scenes_of_people, lambda: None)
            results.answers.append(found)
            self.step()

    def _measure_growth(self, results: Results) -> None:
        size = self.size
        site = build_site(self.servers, OPEN_PACK, self.folder / "models", size.growth_users)
        keys = site.upload(sorted(self.scene(OPEN_PACK, "500 px").folder.iterdir()))
        queue = site.queue()
        queue.publish(list(islice(cycle(keys), size.growth_jobs)))
        results.growth = growth.measure(
            queue, size.growth_jobs, size.growth_users, size.growth_photos, self.step
        )

    def steps(self, parts: tuple[str, ...]) -> int:
        """How often `step` is called for these parts."""
        lanes = [
            len(self.scene(pack, photos).lanes())
            for pack in self.packs
            for photos in self.size.photos
        ]
        counts = {
            "scenes": sum(lanes) * (self.size.rounds + 1),
            "threads": len(lanes),
            "plumbing": 1,
            "start": len(self.packs),
            "answers": len(self.packs),
            "growth": 10,
        }
        return sum(counts[part] for part in parts)

    def _upload(self, pack: str, photos: str) -> list[str]:
        folder = self.scene(pack, photos).folder
        return self.sites[pack].upload(sorted(folder.iterdir()))


@contextmanager
def bench(size: Size, also: tuple[str, ...]) -> Iterator[Bench]:
    """Everything that a run needs, for as long as it runs."""
    with tempfile.TemporaryDirectory(prefix="soloface-bench-") as name, Servers() as servers:
        yield Bench(size, servers, Path(name), lambda: None, also)


def main(  # noqa: PLR0913, PLR0917 - a command line's parameters are its options
    size: Annotated[str, typer.Option(help=" | ".join(NAMED))] = "default",
    only: Annotated[
        list[str] | None, typer.Option(help=f"{' | '.join(PARTS)}; all but growth by default.")
    ] = None,
    photos: Annotated[list[str] | None, typer.Option(help=" | ".join(SIZES))] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="A further worker, with settings: WORKER__BATCH=64,WORKER__FETCHERS=4"),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the results there.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw PNG files into this folder.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables between the marks of this page.")
    ] = None,
) -> None:
    """Measure the worker beside what it can be compared with."""
    parts = tuple(only or USUAL)
    for option, given, known in (
        ("--size", {size}, NAMED),
        ("--only", set(parts), PARTS),
        ("--photos", set(photos or ()), SIZES),
    ):
        if not given <= set(known):
            raise typer.BadParameter(f"{option} is {', '.join(known)}")
    if not all("=" in settings for settings in also or ()):
        raise typer.BadParameter("--also is NAME=VALUE, with commas between")
    measured = replace(NAMED[size], photos=tuple(photos or NAMED[size].photos))
    warnings.filterwarnings("ignore", "`estimate` is deprecated", FutureWarning)
    results = Results(size)
    began = time.perf_counter()
    with bench(measured, tuple(also or ())) as run, Progress(console=console) as progress:
        steps = run.steps(parts)
        estimate_s = steps * measured.round_s * _SHARE
        progress.console.print(f"About {estimate_s / 60:.0f} minutes.")
        task = progress.add_task("measuring", total=steps)
        run.step = lambda: progress.advance(task)
        for part in parts:
            progress.update(task, description=part)
            run.measure(part, results)
    results.took_s = time.perf_counter() - began
    show(results, console)
    if json:
        json.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    if markdown:
        write_markdown(results, markdown)
    if plots:
        from benchmarks.plots import draw  # noqa: PLC0415 - matplotlib is optional

        for path in draw(results, plots):
            console.print(f"Drawn: {path}")


if __name__ == "__main__":
    typer.run(main)
