"""`soloface publish`: what is on the stream afterwards is what the worker reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from dataflow.settings import PREFIX
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, RunWorker, Soloface
from tests.world import World


def on_the_stream(world: World, count: int) -> list[dict[str, Any]]:
    assert world.consumer().num_pending == count
    return [orjson.loads(delivery.payload) for delivery in world.take(count)]


def test_one_job_is_published(world: World, soloface: Soloface) -> None:
    photo_id = uuid4()

    done = soloface("publish", photo_id, "a.jpg", "--faces-detected", 1, "--json")

    assert (done.code, done.json) == (0, {"published": 1, "already_there": 0})
    (job,) = on_the_stream(world, 1)
    assert job.pop("job_id")
    assert job == {"photo_id": str(photo_id), "image_ref": "a.jpg", "faces_detected": 1}


def test_a_csv_is_published_with_its_numbers_as_numbers(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    first, second = uuid4(), uuid4()
    table = tmp_path / "jobs.csv"
    table.write_text(
        f"photo_id,image_ref,face_index,faces_detected,album\n{first},a.jpg,2,1,x\n{second},,,,\n",
        encoding="utf-8-sig",
    )

    done = soloface("publish", "--file", table)

    assert (done.code, done.out.split()[-5:]) == (0, ["published", "2,", "already", "there", "0"])
    jobs = on_the_stream(world, 2)
    assert all(job.pop("job_id") for job in jobs)
    given = {"image_ref": "a.jpg", "face_index": 2, "faces_detected": 1, "album": "x"}
    assert jobs == [{"photo_id": str(first), **given}, {"photo_id": str(second)}]


def test_the_same_job_id_is_not_stored_twice(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    jobs = [{"photo_id": str(uuid4()), "job_id": str(uuid4()), "x": [1]} for _ in range(250)]
    file = tmp_path / "jobs.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, jobs)))

    first = soloface("publish", "--file", file, "--json")
    again = soloface("publish", "--file", file, "--json")

    assert first.json == {"published": 250, "already_there": 0}
    assert again.json == {"published": 0, "already_there": 250}
    stored = sorted(on_the_stream(world, 250), key=lambda job: str(job["job_id"]))
    assert stored == sorted(jobs, key=lambda job: str(job["job_id"]))


@pytest.mark.parametrize(
    ("ending", "text", "words"),
    [
        ("jsonl", "{}\n", "job 1: photo_id"),
        ("jsonl", f'{{"photo_id": "{UUID(int=1)}"}}\nnonsense\n', "job 2: not a JSON object"),
        ("jsonl", "\n", "job 1: not a JSON object"),
        ("csv", f"photo_id,face_index\n{UUID(int=1)},minus one\n", "job 1: face_index"),
        ("csv", "photo_id\nnot an id\n", "job 1: photo_id"),
    ],
)
def test_nothing_is_published_of_a_file_with_a_job_that_the_worker_would_reject(  # noqa: PLR0913, PLR0917 - fixtures and a table
    world: World, soloface: Soloface, tmp_path: Path, ending: str, text: str, words: str
) -> None:
    file = tmp_path / f"jobs.{ending}"
    file.write_text(text)

    done = soloface("publish", "--file", file)

    assert done.code == 1
    assert words in done.err
    assert on_the_stream(world, 0) == []


def test_a_photo_of_ones_own_is_uploaded_listed_and_matched(
    world: World, soloface: Soloface, run_worker: RunWorker, log: Log, tmp_path: Path
) -> None:
    users = world.enrol(*ENROLLED)
    (tmp_path / "me.jpg").write_bytes(jpeg(ENROLLED[2].portrait()))

    done = soloface("publish", "--upload", tmp_path / "me.jpg", "--json")

    assert (done.code, done.json) == (0, {"published": 1, "already_there": 0})
    worker = run_worker()
    log.wait_settled([1])
    worker.stop()
    (match,) = world.rows("face_matches").values()
    assert match["user_id"] == users[ENROLLED[2].name]


@pytest.mark.usefixtures("world")
def test_a_photo_that_is_not_there_is_a_wrong_use(soloface: Soloface, tmp_path: Path) -> None:
    assert soloface("publish", "--upload", tmp_path / "absent.jpg").code == 2


@pytest.mark.usefixtures("world")
def test_without_a_job_it_is_a_wrong_use(soloface: Soloface, tmp_path: Path) -> None:
    assert soloface("publish").code == 2
    assert soloface("publish", uuid4(), "a.jpg", "--file", tmp_path / "jobs.csv").code == 2


@pytest.mark.usefixtures("world")
def test_a_server_that_is_down_is_one_clear_error(
    soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}NATS__URL", "nats://127.0.0.1:1")

    done = soloface("publish", uuid4(), "a.jpg")

    assert done.code == 1
    assert done.err.startswith("error: NATS does not answer")
