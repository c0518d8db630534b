"""`soloface publish`: put jobs on the stream, one by hand or many from a file or a folder."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.lane import Lane
from soloface.cli.frame.output import JsonOption, complain, print_json, progress, say
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from soloface.cli.publish.publishing import Report


def publish(
    photo_id: Annotated[str | None, typer.Argument(help="The photo's id in `photos`.")] = None,
    image_ref: Annotated[
        str | None, typer.Argument(help="minio://BUCKET/KEY, or a key in the default bucket.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(help="Many jobs: .jsonl with a job per line, or .csv with its fields."),
    ] = None,
    upload: Annotated[
        list[Path] | None,
        typer.Option(
            help="Play the platform: add this photo to `photos`, store it, publish its job. "
            "May be given several times."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="The same with every photo of a folder tree, except hidden files."),
    ] = None,
    faces_detected: Annotated[
        int | None, typer.Option(help="How many faces an earlier stage has seen.")
    ] = None,
    gallery: Annotated[
        str | None,
        typer.Option(help="The gallery of jobs that name none: only its members are looked for."),
    ] = None,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="They can wait: let live jobs pass them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish one job, many from a file, or one for each of your own photos.

    A job without a job_id is given one. A job whose job_id is already on the stream is not stored
    twice (within two minutes). A photo of your own has the same id each time, so that an
    interrupted run can be started again.

    Jobs that the worker would refuse, and files that are no photos, are named and left out; the
    others are published. Exit code 1 if there was one, or nothing to publish.
    """
    from soloface.cli.publish.publishing import Publisher, jobs_of, own_photos

    settings = load_settings()
    if backfill and not settings.nats.backfill:
        raise ConfigurationError("--backfill needs SOLOFACE_NATS__BACKFILL=true")
    publisher = Publisher(settings, Lane.BACKFILL if backfill else Lane.LIVE, gallery)
    match photo_id, file, upload, folder:
        case (None, Path(), None | [], None):
            found = publisher.checked(jobs_of(file))
        case (None, None, [*photos], None) if photos:
            found = publisher.uploaded([(str(photo), photo) for photo in photos])
        case (None, None, None | [], Path()):
            found = publisher.uploaded(own_photos(folder))
        case (str(), None, None | [], None):
            fields = {"photo_id": photo_id, "image_ref": image_ref}
            found = publisher.checked([("the job", {**fields, "faces_detected": faces_detected})])
        case _:
            raise typer.BadParameter(
                "give PHOTO_ID and IMAGE_REF, or one of --file, --upload and --folder"
            )
    with closing(publisher), progress(hidden=as_json) as bar:
        task = bar.add_task("Publishing", total=None)

        report = asyncio.run(publisher.publish(found, lambda: bar.advance(task)))
    _tell(report, as_json=as_json)
    if report.refused or not report.jobs:
        raise typer.Exit(1)


def _tell(report: Report, *, as_json: bool) -> None:
    if not (report.jobs or report.refused):
        complain("there is no job to publish")
    for refused in report.refused:
        complain(f"not published: {refused.where}: {refused.why}")
    if as_json:
        print_json(report.as_dict())
    else:
        for file, photo_id in report.photos.items():
            say(f"{file} is photo {photo_id}")
        if report.one_lane:
            complain(f"published as live jobs: {report.one_lane}")
        say(f"published {report.published}, already there {report.already_there}")
