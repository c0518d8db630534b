"""Nothing that a worker writes holds a password, an image or a vector."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import UUID

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from connectors.embedded import NatsServer, ObjectServer, PostgresServer
from dataflow.faces.face import Embedding
from dataflow.jobs.reason import Reason
from dataflow.settings import PREFIX
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, Person
from tests.fixtures.worker import Log, MakeWorld
from tests.patience import PATIENCE_S
from tests.places import REPOSITORY
from tests.world import Photo, World

MARK = "K7-PLANTED-IN-AN-IMAGE"
NOTE = "K7-PLANTED-IN-A-PAYLOAD"


class LoudWorker:
    """A worker whose standard output and standard error are both kept."""

    def __init__(self, log: Log, variables: dict[str, str]) -> None:
        log.expect_speaker()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bytewax.run", "dataflow:flow"],
            cwd=REPOSITORY,
            env={**os.environ, **{PREFIX + name: value for name, value in variables.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._process.stdout
        arguments = (self._process.stdout, self._process.pid)
        self._reader = threading.Thread(target=log.follow, args=arguments)
        self._reader.start()

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE_S)
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture
def workers() -> Iterator[ExitStack]:
    with ExitStack() as workers:
        yield workers


@pytest.fixture
def metrics_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def passwords(
    nats_server: NatsServer, postgres_server: PostgresServer, object_server: ObjectServer
) -> list[str]:
    """The random ones of the servers in use."""
    return [nats_server.password, postgres_server.password, object_server.secret_key]


def signed(person: Person, kind: str) -> bytes:
    """A photo with the mark wherever a file of its kind has room for text."""
    image = Image.open(BytesIO(jpeg(person.portrait())))
    exif = Image.Exif()
    for tag in (0x010E, 0x010F, 0x0110, 0x013B, 0x8298):  # description, make, model, artist, ©
        exif[tag] = MARK
    target = BytesIO()
    if kind == "png":
        text = PngImagePlugin.PngInfo()
        text.add_text(MARK, MARK)
        image.save(target, "png", exif=exif, pnginfo=text)
    else:
        image.save(target, "jpeg", exif=exif, comment=MARK.encode())
    assert MARK.encode() in target.getvalue()
    return target.getvalue()


def texts_of(vector: Embedding) -> list[str]:
    """How a vector could come to be written, in whole or in part."""
    raw = vector.astype(np.float32).tobytes()
    numbers = [value for value in vector.tolist() if abs(value) > 1e-3]
    shown = {f"{np.float32(value)!s}" for value in numbers} | {f"{v:.6f}" for v in numbers}
    return [*shown, raw[:12].hex(), base64.b64encode(raw[:12]).decode()]


def publish_every_kind(world: World) -> tuple[list[int], dict[UUID, Reason]]:
    """Jobs that end in as many ways as there are to print something."""
    person, image = ENROLLED[0], signed(ENROLLED[0], "jpeg")
    lost = Photo(world.photo().id, "lost.jpg")
    refused = world.photo(image)
    with world.database() as connection:
        # The row that PostgreSQL refuses is shown in its error, vector and all.
        connection.execute(
            "alter table photo_faces add constraint planted check "
            f"(photo_id <> '{refused.id}')".encode()
        )
    cases: list[tuple[Photo, Reason]] = [
        (world.photo(image), Reason.MATCHED),
        (world.photo(signed(person, "png")), Reason.MATCHED),
        (world.photo(image[: len(image) // 2]), Reason.IMAGE_UNDECODABLE),
        (world.photo(MARK.encode() * 100), Reason.IMAGE_UNDECODABLE),
        (lost, Reason.IMAGE_NOT_FOUND),
        (refused, Reason.WRITE_REJECTED),
    ]
    sequences = world.publish(
        *(photo.job(note=NOTE) for photo, _ in cases),
        f'{{"photo_id": "{NOTE}"}}'.encode(),
        f'{{"{NOTE}'.encode(),
        world.photo().job(bbox={"x1": NOTE}),
    )
    return sequences, {photo.id: reason for photo, reason in cases}


def test_nothing_that_a_worker_writes_holds_a_secret(
    make_world: MakeWorld,
    workers: ExitStack,
    log: Log,
    metrics_port: int,
    passwords: list[str],
) -> None:
    world = make_world(LOG__LEVEL="debug", METRICS_PORT=str(metrics_port))
    world.enrol(*ENROLLED)
    sequences, reasons = publish_every_kind(world)
    worker = LoudWorker(log, {})
    workers.callback(worker.close)
    log.wait_settled(sequences)
    with urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
        metrics = answer.read().decode()
    assert worker.stop() == 0

    outcomes = world.rows("face_match_outcomes")
    assert {photo: row["reason"] for photo, row in outcomes.items() if photo in reasons} == reasons
    letters = [letter.headers or {} for letter in world.dead_letters()]
    assert len(letters) == len(sequences) - 2
    vectors = [*world.gallery().values()]
    vectors += [row["embedding"].to_numpy() for row in world.rows("photo_faces").values()]
    vectors.append(world.recognise(signed(ENROLLED[0], "jpeg")).embedding)

    written = {
        "the log": log.text,
        "the dead letters' headers": repr(letters),
        "the metrics": metrics,
        "face_match_outcomes": repr([row["detail"] for row in outcomes.values()]),
    }
    assert "soloface_jobs_total" in metrics
    secrets = {MARK, NOTE, *passwords, *(text for vector in vectors for text in texts_of(vector))}
    assert [(where, s) for where, text in written.items() for s in secrets if s in text] == []


@pytest.mark.parametrize("variable", ["NATS__PASSWORD", "NATS__URL", "DATABASE__DSN"])
def test_a_refused_password_is_not_in_the_refusal(
    make_world: MakeWorld, workers: ExitStack, log: Log, passwords: list[str], variable: str
) -> None:
    world = make_world(LOG__LEVEL="debug")
    wrong = {
        "NATS__PASSWORD": "planted",
        "NATS__URL": "nats://planted@127.0.0.1:1",
        "DATABASE__DSN": urlsplit(world.settings.database.dsn.get_secret_value())
        ._replace(netloc="soloface:planted@127.0.0.1:1")
        .geturl(),
    }
    worker = LoudWorker(log, {variable: wrong[variable]})
    workers.callback(worker.close)

    assert worker.ended() == 1
    assert "soloface cannot start" in log.text
    assert [secret for secret in (*passwords, "planted") if secret in log.text] == []
