"""What is published by hand: checked first, and with it the photos of a platform that is played."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import orjson
import psycopg
from psycopg.rows import TupleRow

from connectors.jetstream.connection import Connection, connect
from connectors.jetstream.letters.publishing import send
from connectors.jetstream.provision import provision
from connectors.postgres.connection import connect as connect_postgres
from connectors.store import minio_client, put_object
from dataflow.faces.image import decode_preview
from dataflow.jobs.errors import ConfigurationError, DataError
from dataflow.jobs.image_ref import ImageRef, RefPolicy
from dataflow.jobs.job import Job, parse_job
from dataflow.jobs.lane import Lane
from dataflow.jobs.reason import Reason
from dataflow.settings import Settings
from soloface.cli.frame.galleries import REQUIRED, jobs_need_gallery
from soloface.cli.frame.tables import rows

_IN_FLIGHT = 200
_PREVIEW_PX = 640
_HEADER_BYTES = 1024
"""Room for a job's id, which counts too."""
_NUMBERS = frozenset({"face_index", "faces_detected"})
_PHOTO_IDS = uuid5(NAMESPACE_URL, "soloface:publish")


@dataclass(frozen=True, slots=True)
class Refused:
    """What is not published: where it stood, and why the worker would refuse it."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A job that the worker will take; ``file`` is the photo of ours that it is about."""

    where: str
    job: dict[str, object]
    file: str | None = None


@dataclass(slots=True)
class Report:
    """What was done so far.

    ``one_lane`` says why jobs that can wait went by the live lane, if they did.
    """

    one_lane: str = ""
    jobs: int = 0
    already_there: int = 0
    refused: list[Refused] = field(default_factory=list)
    photos: dict[str, object] = field(default_factory=dict)

    @property
    def published(self) -> int:
        """Jobs that the stream did not have."""
        return self.jobs - self.already_there

    def as_dict(self) -> dict[str, object]:
        """For JSON; ``photos`` are the ids of our own, by their files."""
        told = {
            "published": self.published,
            "already_there": self.already_there,
            "refused": [{"where": one.where, "why": one.why} for one in self.refused],
        }
        return told | ({"photos": self.photos} if self.photos else {})


class Publisher:
    """Checks jobs by the worker's own rules, and puts the good ones on the stream."""

    def __init__(
        self, settings: Settings, lane: Lane = Lane.LIVE, gallery: str | None = None
    ) -> None:
        store = settings.store
        self._gallery = gallery
        self._lane = lane
        self._settings = settings
        self._refs = RefPolicy(store.bucket, store.buckets, store.prefixes)
        self._database: psycopg.Connection[TupleRow] | None = None
        self._uploads = False

    @cached_property
    def _gallery_required(self) -> bool:
        """Asked once, where a job names none."""
        return jobs_need_gallery(self._settings, without_database=not self._uploads)

    def close(self) -> None:
        """Close the connection to the database, if there is one."""
        if self._database:
            self._database.close()

    def checked(self, jobs: Iterable[tuple[str, object]]) -> Iterator[Ready | Refused]:
        """The jobs as they will be sent, if the worker would take them."""
        for where, row in jobs:
            yield self._checked(where, row)

    def uploaded(self, photos: Iterable[tuple[str, Path]]) -> Iterator[Ready | Refused]:
        """Play the platform with photos, one by one: list, store, and make the job.

        A photo has the same id and key each time, and its row comes first. So whatever an
        interruption leaves, the next run completes, and no object is ever without its row.
        """
        self._uploads = True
        for name, path in photos:
            try:
                data = self._looked_at(path)
            except OSError as error:
                yield Refused(name, f"it cannot be read: {error.strerror}")
            except DataError as error:
                yield Refused(name, f"{error} ({error.reason})")
            else:
                photo_id = uuid5(_PHOTO_IDS, hashlib.sha256(data).hexdigest())
                key = f"{photo_id}{path.suffix.lower()}"
                database = self._connected()
                found = self._checked(name, {"photo_id": str(photo_id), "image_ref": key})
                if isinstance(found, Ready):
                    self._keep(database, photo_id, key, data)
                    found = replace(found, file=name)
                yield found

    async def publish(
        self, found: Iterator[Ready | Refused], on_done: Callable[[], None]
    ) -> Report:
        """Publish what is ready, and collect what is refused.

        Args:
            found: made as they are needed, in a thread of its own.
            on_done: is called after each of them.

        Raises:
            ConfigurationError, SystemicError, TransientError: a server does not take something.
        """
        report = Report()
        connection = await connect(self._settings.nats, "soloface publish")
        try:
            there = await provision(connection.jetstream(), self._settings.nats)
            report.one_lane = there.one_lane if self._lane is Lane.BACKFILL else ""
            subject = self._settings.nats.subject_of(there.lane(self._lane))
            while window := await asyncio.to_thread(_window, found):
                report.refused += [one for one in window if isinstance(one, Refused)]
                ready = [one for one in window if isinstance(one, Ready)]
                await self._send(connection, ready, subject, report)
                for _ in window:
                    on_done()
        finally:
            await connection.close()
        return report

    async def _send(
        self, connection: Connection, ready: list[Ready], subject: str, report: Report
    ) -> None:
        js, nats = connection.jetstream(), self._settings.nats
        room = connection.max_payload - _HEADER_BYTES
        large = [one for one in ready if len(orjson.dumps(one.job)) > room]
        why = f"it is larger than the {room} bytes that NATS takes"
        report.refused += [Refused(one.where, why) for one in large]
        for one in large:
            ready.remove(one)
        repeated = await asyncio.gather(*(send(js, one.job, nats, subject) for one in ready))
        report.jobs += len(ready)
        report.already_there += sum(repeated)
        report.photos |= {one.file: one.job["photo_id"] for one in ready if one.file}

    def _looked_at(self, path: Path) -> bytes:
        """The photo, if the worker will be able to decode it."""
        data = path.read_bytes()
        limits = self._settings.images
        if len(data) > limits.max_bytes:
            raise DataError(Reason.IMAGE_TOO_LARGE, f"the file is over {limits.max_bytes} bytes")
        decode_preview(data, max_pixels=limits.max_pixels, long_side=_PREVIEW_PX)
        return data

    def _connected(self) -> psycopg.Connection[TupleRow]:
        if self._database is None:
            self._database = connect_postgres(self._settings.database)
        return self._database

    def _keep(
        self, database: psycopg.Connection[TupleRow], photo_id: UUID, key: str, data: bytes
    ) -> None:
        database.execute("insert into photos (id) values (%s) on conflict do nothing", [photo_id])
        store = self._settings.store
        put_object(minio_client(store, connections=1), ImageRef(store.bucket, key), data)

    def _checked(self, where: str, row: object) -> Ready | Refused:
        if not isinstance(row, dict):
            return Refused(where, "not a JSON object")
        job = {name: _cell(name, value) for name, value in row.items() if value not in (None, "")}
        job.setdefault("job_id", str(uuid4()))
        if self._gallery is not None:
            job.setdefault("gallery", self._gallery)
        try:
            parsed = parse_job(orjson.dumps(job))
            if why := self._objection(parsed):
                return Refused(where, why)
        except (DataError, orjson.JSONEncodeError) as error:
            return Refused(where, str(error))
        return Ready(where, job)

    def _objection(self, job: Job) -> str | None:
        """Why the worker would skip or reject the job before it looks at the photo."""
        if job.faces_detected not in (None, 1):
            return f"faces_detected is {job.faces_detected}; only photos of one face are looked at"
        if not (job.image_ref and job.image_ref.strip()):
            return "image_ref is missing"
        self._refs.parse(job.image_ref)
        if job.gallery is None and self._gallery_required:
            return f"it names no gallery ({REQUIRED}); give it one with --gallery"
        return None


def jobs_of(file: Path) -> Iterator[tuple[str, object]]:
    """Jobs as they stand in a file, each with its place there.

    Raises:
        ConfigurationError: it cannot be read, or is no table.
    """
    if file.suffix.lower() == ".csv":
        for line, row in rows(file, "photo_id", "image_ref"):
            yield f"{file}, line {line}", row
        return
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for line, text in enumerate(lines, start=1):
                yield f"{file}, line {line}", _from_json(text)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not text in UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None


def own_photos(folder: Path) -> list[tuple[str, Path]]:
    """The files of a folder tree with their paths in it; what is hidden is passed over.

    Raises:
        ConfigurationError: it cannot be read, or there is nothing in it.
    """
    found = []
    try:
        for path, folders, files in os.walk(folder, onerror=_fail):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            shown = sorted(name for name in files if not name.startswith("."))
            found += [Path(path, name) for name in shown]
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from None
    if not found:
        raise ConfigurationError(f"there are no photos in {folder}")
    return [(str(path.relative_to(folder)), path) for path in found]


def _fail(error: OSError) -> None:
    raise error


def _window(found: Iterator[Ready | Refused]) -> list[Ready | Refused]:
    return list(islice(found, _IN_FLIGHT))


def _from_json(line: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return line


def _cell(name: str, value: object) -> object:
    """A CSV has only text: turn numbers into numbers."""
    if name in _NUMBERS and isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value
