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
from tests.fixtures.worker import Log, MakeWorld, RunWorker, Soloface
from tests.world import World


def on_the_stream(world: World, count: int) -> list[dict[str, Any]]:
    assert world.consumer().num_pending == count
    return [orjson.loads(delivery.payload) for delivery in world.take(count)]


def test_one_job_is_published(world: World, soloface: Soloface) -> None:
    photo_id = uuid4()

    done = soloface("publish", photo_id, "a.jpg", "--faces-detected", 1, "--json")

    assert (done.code, done.json) == (0, {"published": 1, "already_there": 0, "refused": []})
    (job,) = on_the_stream(world, 1)
    assert job.pop("job_id")
    assert job == {"photo_id": str(photo_id), "image_ref": "a.jpg", "faces_detected": 1}


def test_a_csv_is_published_with_its_numbers_as_numbers(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    first, second = uuid4(), uuid4()
    table = tmp_path / "jobs.csv"
    table.write_text(
        f"photo_id,image_ref,face_index,faces_detected,album\n{first},a.jpg,2,1,x\n"
        f"{second},b.jpg,,,\n",
        encoding="utf-8-sig",
    )

    done = soloface("publish", "--file", table)

    assert (done.code, done.out.split()[-5:]) == (0, ["published", "2,", "already", "there", "0"])
    jobs = on_the_stream(world, 2)
    assert all(job.pop("job_id") for job in jobs)
    given = {"image_ref": "a.jpg", "face_index": 2, "faces_detected": 1, "album": "x"}
    assert jobs == [
        {"photo_id": str(first), **given},
        {"photo_id": str(second), "image_ref": "b.jpg"},
    ]


def test_the_same_job_id_is_not_stored_twice(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    jobs = [
        {"photo_id": str(uuid4()), "image_ref": "a.jpg", "job_id": str(uuid4()), "x": [1]}
        for _ in range(250)
    ]
    file = tmp_path / "jobs.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, jobs)))

    first = soloface("publish", "--file", file, "--json")
    again = soloface("publish", "--file", file, "--json")

    assert first.json == {"published": 250, "already_there": 0, "refused": []}
    assert again.json == {"published": 0, "already_there": 250, "refused": []}
    stored = sorted(on_the_stream(world, 250), key=lambda job: str(job["job_id"]))
    assert stored == sorted(jobs, key=lambda job: str(job["job_id"]))


GOOD = UUID(int=1)


@pytest.mark.parametrize(
    ("ending", "bad", "words"),
    [
        ("jsonl", "{}", "line 2: photo_id"),
        ("jsonl", "nonsense", "line 2: not a JSON object"),
        ("jsonl", "", "line 2: not a JSON object"),
        ("jsonl", f'{{"photo_id": "{GOOD}"}}', "line 2: image_ref is missing"),
        ("csv", f"{GOOD},a.jpg,minus one,", "line 3: face_index"),
        ("csv", "not an id,a.jpg,,", "line 3: photo_id"),
        ("csv", f"{GOOD},a.jpg,,3", "line 3: faces_detected is 3"),
        ("csv", f"{GOOD},a.jpg,,0", "line 3: faces_detected is 0"),
        ("csv", f"{GOOD},http://elsewhere/a.jpg,,", "line 3: only minio://"),
        ("csv", f"{GOOD},minio://others/a.jpg,,", "line 3: the bucket is not allowed"),
        ("csv", f"{GOOD},a/../b.jpg,,", "line 3: a file path is not a key"),
        ("csv", f"{GOOD},{'k' * 1025},,", "line 3: the key is longer"),
    ],
)
def test_a_job_that_the_worker_would_refuse_is_named_and_the_others_are_published(  # noqa: PLR0913, PLR0917 - fixtures and a table
    world: World, soloface: Soloface, tmp_path: Path, ending: str, bad: str, words: str
) -> None:
    file = tmp_path / f"jobs.{ending}"
    good = f'{{"photo_id": "{GOOD}", "image_ref": "good.jpg"}}'
    if ending == "csv":
        good = f"photo_id,image_ref,face_index,faces_detected\n{GOOD},good.jpg,,"
    file.write_text(f"{good}\n{bad}\n")

    done = soloface("publish", "--file", file)

    assert done.code == 1
    assert words in done.err
    assert done.err.count("\n") == 1
    assert [job["image_ref"] for job in on_the_stream(world, 1)] == ["good.jpg"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-id", "a.jpg"], "photo_id"),
        ([GOOD], "image_ref is missing"),
        ([GOOD, ""], "image_ref is missing"),
        ([GOOD, "/etc/passwd"], "a file path is not a key"),
        ([GOOD, "a.jpg", "--faces-detected", 2], "faces_detected is 2"),
    ],
)
def test_a_single_job_that_the_worker_would_refuse_is_not_published(
    world: World, soloface: Soloface, arguments: list[object], words: str
) -> None:
    done = soloface("publish", *arguments)

    assert done.code == 1
    assert words in done.err
    assert on_the_stream(world, 0) == []


def test_a_job_that_is_larger_than_nats_takes_is_named(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    jobs = [{"photo_id": str(GOOD), "image_ref": "a.jpg", "x": "x" * n} for n in (1 << 20, 1)]
    (tmp_path / "jobs.jsonl").write_bytes(b"\n".join(map(orjson.dumps, jobs)))

    done = soloface("publish", "--file", tmp_path / "jobs.jsonl", "--json")

    assert done.code == 1
    assert done.json["published"] == 1
    (refused,) = done.json["refused"]
    assert "line 1" in refused["where"]
    assert len(on_the_stream(world, 1)) == 1


def test_a_photo_of_ones_own_is_listed_uploaded_and_matched(
    world: World, soloface: Soloface, run_worker: RunWorker, log: Log, tmp_path: Path
) -> None:
    users = world.enrol(*ENROLLED)
    photo = tmp_path / "me.JPG"
    photo.write_bytes(jpeg(ENROLLED[2].portrait()))

    done = soloface("publish", "--upload", photo, "--json")

    assert (done.code, done.json["published"]) == (0, 1)
    worker = run_worker()
    log.wait_settled([1])
    worker.stop()
    (match,) = world.rows("face_matches").values()
    assert match["user_id"] == users[ENROLLED[2].name]
    assert str(match["photo_id"]) == done.json["photos"][str(photo)]


def test_the_photos_of_a_folder_tree_are_uploaded_and_what_is_no_photo_is_named(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    whole = jpeg(ENROLLED[0].portrait())
    for name in ("a.jpg", "deep/er/b.jpg", ".c.jpg", ".hidden/d.jpg"):
        (tmp_path / name).write_bytes(whole + name.encode())
    (tmp_path / "deep" / "notes.txt").write_text("no photo")
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])

    done = soloface("publish", "--folder", tmp_path)

    lines = done.out.splitlines()
    assert done.code == 1
    assert [line.split(" is photo ")[0] for line in lines[:-1]] == ["a.jpg", "deep/er/b.jpg"]
    assert lines[-1] == "published 2, already there 0"
    refused = [line.split(": ")[1] for line in done.err.splitlines()]
    assert refused == ["cut.jpg", "deep/notes.txt"]
    ids = {line.rpartition(" ")[2] for line in lines[:-1]}
    assert {job["photo_id"] for job in on_the_stream(world, 2)} == ids == listed(world)
    assert {name.partition(".")[0] for name in stored(world)} == ids


def test_whatever_an_interrupted_upload_leaves_the_next_run_completes(
    make_world: MakeWorld, soloface: Soloface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()
    (tmp_path / "me.jpg").write_bytes(jpeg(ENROLLED[0].portrait()))
    secret = world.settings.store.secret_key
    assert secret
    monkeypatch.setenv(f"{PREFIX}STORE__SECRET_KEY", "wrong-wrong-wrong")
    failed = soloface("publish", "--upload", tmp_path / "me.jpg")
    assert (failed.code, failed.err.count("\n")) == (1, 1)
    assert stored(world) == set()
    before = listed(world)

    monkeypatch.setenv(f"{PREFIX}STORE__SECRET_KEY", secret.get_secret_value())
    done = soloface("publish", "--upload", tmp_path / "me.jpg")

    assert done.code == 0
    assert listed(world) == before == {name.partition(".")[0] for name in stored(world)}
    (job,) = on_the_stream(world, 1)
    assert {job["photo_id"]} == before


def listed(world: World) -> set[str]:
    with world.database() as connection:
        return {str(row["id"]) for row in connection.execute("select id from photos")}


def stored(world: World) -> set[str]:
    objects = world.store.list_objects(world.settings.store.bucket, recursive=True)
    return {str(item.object_name) for item in objects}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--upload", "absent.jpg"],
        ["--upload", "."],
        ["--folder", "absent"],
        ["--folder", "empty"],
        ["--folder", "text.txt"],
        ["--file", "absent.csv"],
        ["--file", "."],
        ["--file", "absent.jsonl"],
        ["--file", "empty.csv"],
        ["--file", "empty.jsonl"],
        ["--file", "latin.csv"],
        ["--file", "latin.jsonl"],
        ["--file", "text.csv"],
        ["--file", "binary.csv"],
        ["--file", "ragged.csv"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_read_is_one_line(
    world: World,
    soloface: Soloface,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    head = f"photo_id,image_ref\n{GOOD},"
    for name, content in {
        "text.txt": b"text",
        "empty.csv": b"",
        "empty.jsonl": b"",
        "latin.csv": (head + "\xe4.jpg\n").encode("latin-1"),
        "latin.jsonl": '{"x": "\xe4"}\n'.encode("latin-1"),
        "text.csv": b"some words\nmore\n",
        "binary.csv": b'photo_id,image_ref\n\x00\x01,"\n',
        "ragged.csv": f"{head}a.jpg,more\n".encode(),
    }.items():
        (tmp_path / name).write_bytes(content)

    done = soloface("publish", *arguments)

    assert done.code == 1
    assert arguments[1] in done.err or arguments[1] == "empty.jsonl"
    assert done.err.count("\n") == 1
    assert on_the_stream(world, 0) == []


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
