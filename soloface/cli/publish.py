"""`soloface publish`: put jobs on the stream, one by hand or many from a file."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import orjson
import typer
from rich.progress import Progress

from connectors.jetstream.connection import connect
from connectors.jetstream.letters.publishing import send
from connectors.jetstream.provision import provision
from connectors.postgres.connection import Database
from connectors.store import minio_client, put_object
from dataflow.jobs.errors import ConfigurationError, DataError
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.job import parse_job
from dataflow.settings import NatsSettings, Settings, load_settings
from soloface.cli.output import JsonOption, console, print_json

_IN_FLIGHT = 200
_NUMBERS = frozenset({"face_index", "faces_detected"})


def publish(
    photo_id: Annotated[UUID | None, typer.Argument(help="The photo's id in `photos`.")] = None,
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
            help="Play the platform: store this photo, add it to `photos`, publish its job. "
            "May be given several times.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    faces_detected: Annotated[
        int | None, typer.Option(help="How many faces an earlier stage has seen.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish one job, many from a file, or one for each of your own photos.

    A job without a job_id is given one. A job whose job_id is already on the stream is not stored
    twice (within two minutes).
    """
    settings = load_settings()
    match photo_id, file, upload:
        case (None, Path(), None | []):
            jobs = list(_read(file))
        case (None, None, [*photos]):
            jobs = [_upload(photo, settings, as_json=as_json) for photo in photos]
        case (UUID(), None, None | []):
            fields = {"photo_id": str(photo_id), "image_ref": image_ref}
            jobs = [_checked({**fields, "faces_detected": faces_detected}, "the job")]
        case _:
            raise typer.BadParameter("give PHOTO_ID and IMAGE_REF, or --file, or --upload")
    with Progress(console=console, disable=as_json or len(jobs) == 1) as progress:
        task = progress.add_task("Publishing", total=len(jobs))
        repeated = asyncio.run(
            _publish(jobs, settings.nats, lambda count: progress.advance(task, count))
        )
    if as_json:
        print_json({"published": len(jobs) - repeated, "already_there": repeated})
    else:
        console.print(f"published {len(jobs) - repeated}, already there {repeated}")


def _upload(photo: Path, settings: Settings, *, as_json: bool) -> dict[str, object]:
    photo_id = uuid4()
    key = f"{photo_id}{photo.suffix}"
    ref = ImageRef(settings.store.bucket, key)
    put_object(minio_client(settings.store, connections=1), ref, photo.read_bytes())
    with closing(Database(settings.database)) as database, database.connection() as connection:
        connection.execute("insert into photos (id) values (%s)", [photo_id])
    if not as_json:
        console.print(f"{photo.name} is photo {photo_id}", highlight=False)
    return _checked({"photo_id": str(photo_id), "image_ref": key}, str(photo))


async def _publish(
    jobs: Iterable[dict[str, object]], settings: NatsSettings, advance: Callable[[int], None]
) -> int:
    """Publish them all; returns how many the stream had already."""
    connection = await connect(settings, "soloface publish")
    try:
        js = connection.jetstream()
        await provision(js, settings)
        waiting, repeated = iter(jobs), 0
        while window := list(islice(waiting, _IN_FLIGHT)):
            repeated += sum(await asyncio.gather(*(send(js, job, settings) for job in window)))
            advance(len(window))
    finally:
        await connection.close()
    return repeated


def _read(file: Path) -> Iterator[dict[str, object]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines) if file.suffix == ".csv" else map(_from_json, lines)
            for number, row in enumerate(rows, start=1):
                yield _checked(row, f"{file}, job {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None


def _from_json(line: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return line


def _checked(row: object, where: str) -> dict[str, object]:
    """The job as it will be sent, if the worker would take it."""
    if not isinstance(row, dict):
        raise ConfigurationError(f"{where}: not a JSON object")
    job = {name: _cell(name, value) for name, value in row.items() if value not in (None, "")}
    job.setdefault("job_id", str(uuid4()))
    try:
        parse_job(orjson.dumps(job))
    except DataError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    return job


def _cell(name: str, value: object) -> object:
    """A CSV has only text: turn numbers into numbers."""
    if name in _NUMBERS and isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value
