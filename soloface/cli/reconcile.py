"""`soloface reconcile`: publish the jobs that never were, or got lost before they reached us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

import typer

from dataflow.jobs.errors import ConfigurationError, DataError
from dataflow.jobs.image_ref import RefPolicy
from dataflow.jobs.lane import Lane
from soloface.cli.dlq.letters import moment
from soloface.cli.frame.galleries import REQUIRED, gallery_of, jobs_need_gallery
from soloface.cli.frame.output import (
    JsonOption,
    complain,
    counted,
    print_json,
    printable,
    progress,
    say,
)
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.postgres.photos.forgotten import Forgotten
    from dataflow.settings import NatsSettings

_SHOWN = 5
_TICKS = 10
"""So many times a second jobs are sent, so that a rate is kept in small steps."""
_JOB_IDS = uuid5(NAMESPACE_URL, "soloface:reconcile")

Job = dict[str, object]


@dataclass(frozen=True, slots=True)
class _JobRules:
    """What a job must keep to. ``gallery`` is that of photos which name none themselves."""

    refs: RefPolicy
    gallery: str | None
    gallery_required: bool

    def check(self, ref: str, gallery: str | None) -> None:
        """Check what a job would name.

        Raises:
            DataError, ConfigurationError: the worker would refuse it.
        """
        self.refs.parse(ref)
        if gallery is not None:
            gallery_of(gallery, "its gallery")
        elif self.gallery_required:
            raise ConfigurationError(f"it belongs to no gallery ({REQUIRED})")


@dataclass(slots=True)
class Report:
    """What was found, and what became of it.

    ``one_lane`` says why jobs that can wait went by the live lane, if they did.
    """

    found: int
    published: int = 0
    already_there: int = 0
    bad_refs: int = 0
    one_lane: str = ""
    examples: list[str] = field(default_factory=list)
    bad_examples: list[str] = field(default_factory=list)

    def take(self, photo_id: UUID, ref: str, gallery: str | None, rules: _JobRules) -> bool:
        """Note a photo; returns whether its reference is one, and its gallery too."""
        try:
            rules.check(ref, gallery)
        except (DataError, ConfigurationError) as error:
            self.bad_refs += 1
            if len(self.bad_examples) < _SHOWN:
                self.bad_examples.append(printable(f"{photo_id} {ref}: {error}"))
            return False
        if len(self.examples) < _SHOWN:
            self.examples.append(printable(f"{photo_id} {ref}"))
        return True


def reconcile(
    *,
    ref_column: Annotated[
        str, typer.Option(help="Column of `photos` that holds the image reference.")
    ],
    gallery_column: Annotated[
        str | None,
        typer.Option(
            help="Column of `photos` with the name of a photo's gallery. Where it is null, and "
            "without this option, --gallery holds."
        ),
    ] = None,
    gallery: Annotated[
        str | None,
        typer.Option(help="The gallery of photos for which no column names one; by default none."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=TEXT",
            help="Only photos with this in a column, like faces_detected=1. May be given several "
            "times.",
        ),
    ] = None,
    created_before: Annotated[
        datetime | None,
        typer.Option(
            parser=moment,
            metavar="TIME",
            help="Only photos from before then: a time, or how long ago. Their jobs need time "
            "to end. [default: 1h]",
        ),
    ] = None,
    created_after: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Only photos from then on."),
    ] = None,
    created_column: Annotated[str, typer.Option(help="Column with that time.")] = "created_at",
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish their jobs. Without it, only count them.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="The most to take.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Jobs per second, at most.")] = 100,
    live: Annotated[
        bool,
        typer.Option("--live", help="As live jobs. Without it live jobs pass them."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find photos that have no outcome; with --publish, publish their jobs.

    A photo gets the same job_id each time, so it does no harm to run this again. A photo whose job
    still waits on the stream has no outcome yet.
    """
    from connectors.postgres.connection import Database
    from connectors.postgres.photos.forgotten import Forgotten, Selection

    settings = load_settings()
    before = created_before or datetime.now(UTC) - timedelta(hours=1)
    name = None if gallery is None else gallery_of(gallery, "--gallery")
    equal = dict(map(_equality, only or ()))
    selection = Selection(ref_column, created_column, before, created_after, equal, gallery_column)
    with closing(Database(settings.database)) as database:
        forgotten = Forgotten(database, selection)
        count = forgotten.count()
        required = name is None and jobs_need_gallery(settings)
        if publish and required and gallery_column is None:
            raise ConfigurationError(
                f"each job has to name a gallery ({REQUIRED}): say with --gallery-column which "
                "column of `photos` holds it, or with --gallery which one it is for all of them"
            )
        report = Report(count if limit is None else min(count, limit))
        store = settings.store
        refs = RefPolicy(store.bucket, store.buckets, store.prefixes)
        jobs = _jobs(forgotten, _JobRules(refs, name, required), limit, report)
        if publish:
            with progress(hidden=as_json) as bar:
                task = bar.add_task("Publishing", total=report.found)
                lane = Lane.LIVE if live else Lane.BACKFILL
                sending = _publish(
                    jobs, settings.nats, lane, rate, report, lambda n: bar.advance(task, n)
                )
                asyncio.run(sending)
        else:
            for _ in islice(jobs, _SHOWN):  # as many as are shown
                pass
    _tell(report, published=publish, as_json=as_json)
    if report.bad_refs:
        raise typer.Exit(1)


def _equality(text: str) -> tuple[str, str]:
    column, found, value = text.partition("=")
    if not (column and found):
        raise typer.BadParameter(f"{text!r} is not of the form COLUMN=TEXT")
    return column, value


def _jobs(
    forgotten: Forgotten, rules: _JobRules, limit: int | None, report: Report
) -> Iterator[Job]:
    photos = (photo for page in forgotten.pages() for photo in page)
    for photo_id, ref, own in islice(photos, limit):
        gallery = rules.gallery if own is None else own
        if report.take(photo_id, ref, gallery, rules):
            yield {
                **({"gallery": gallery} if gallery is not None else {}),
                "photo_id": str(photo_id),
                "image_ref": ref,
                "job_id": str(uuid5(_JOB_IDS, str(photo_id))),
                "submitted_at": datetime.now(UTC).isoformat(),
            }


async def _publish(  # noqa: PLR0917
    jobs: Iterator[Job],
    settings: NatsSettings,
    lane: Lane,
    rate: float,
    report: Report,
    advance: Callable[[int], None],
) -> None:
    from connectors.jetstream.connection import connect
    from connectors.jetstream.letters.publishing import send
    from connectors.jetstream.provision import provision

    connection = await connect(settings, "soloface reconcile")
    try:
        js = connection.jetstream()
        found = await provision(js, settings)
        report.one_lane = found.one_lane if lane is Lane.BACKFILL else ""
        subject = settings.subject_of(found.lane(lane))
        sending = partial(send, js, settings=settings, subject=subject)
        await _keep_pace(sending, jobs, rate, report, advance)
    finally:
        await connection.close()


async def _keep_pace(
    send: Callable[[Job], Awaitable[bool]],
    jobs: Iterator[Job],
    rate: float,
    report: Report,
    advance: Callable[[int], None],
) -> None:
    """Send them so that at no moment more than ``rate`` times the seconds have been sent."""
    began, sent = time.monotonic(), 0
    while window := list(islice(jobs, max(1, int(rate / _TICKS)))):
        await asyncio.sleep(began + sent / rate - time.monotonic())
        repeated = sum(await asyncio.gather(*map(send, window)))
        sent += len(window)
        report.already_there += repeated
        report.published += len(window) - repeated
        advance(len(window))


def _tell(report: Report, *, published: bool, as_json: bool) -> None:
    if as_json:
        known = {"found": report.found, "bad_refs": report.bad_refs}
        if published:
            known |= {"published": report.published, "already_there": report.already_there}
        print_json({**known, "examples": report.examples, "bad_examples": report.bad_examples})
        return
    say(f"{counted(report.found, 'photo has', 'photos have')} no outcome")
    for line in report.examples:
        say(f"  {line}")
    for line in report.bad_examples:
        say(f"  cannot be published: {line}")
    if published:
        if report.one_lane:
            complain(f"published as live jobs: {report.one_lane}")
        say(
            f"published {report.published}, already there {report.already_there}, "
            f"not published {report.bad_refs}"
        )
    elif report.found:
        say("nothing was published; --publish does it")
