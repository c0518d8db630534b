"""`soloface doctor` and `soloface migrate`: what is wrong, one line each, and what to do."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.jetstream.held import oldest_in_work
from connectors.postgres.connection import Database
from connectors.postgres.limits import Limits
from connectors.postgres.migrate import migrations
from dataflow.settings import PREFIX
from dataflow.steps.matching import MatchPolicy
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from soloface.cli.doctor import held
from tests.faults.store_faults import FaultyStore
from tests.fixtures.refusals import ReadOnlyLogin
from tests.fixtures.worker import Done, Log, MakeWorld, RunWorker, Soloface
from tests.world import World, jetstream

NAMES = ["nats", "held jobs", "postgres", "schema", "rights", "object store", "model", "gallery"]
"""The checks in their order; one may say nothing, or several things."""


def unhealthy(done: Done) -> dict[str, str]:
    """The names and details of what is wrong."""
    names = list(dict.fromkeys(finding["name"] for finding in done.json))
    assert names == [name for name in NAMES if name in names]
    found = {f["name"]: str(f["detail"]) for f in done.json if not f["healthy"]}
    assert done.code == (1 if found else 0)
    return found


def test_all_is_well(world: World, soloface: Soloface) -> None:
    world.enrol(*ENROLLED[:3])
    world.publish(b"{}", b"{}")

    done = soloface("doctor", "--json")

    assert not unhealthy(done)
    details = {finding["name"]: finding["detail"] for finding in done.json}
    assert details["nats"].endswith("2 jobs waiting, 0 in work")
    assert details["gallery"] == "3 users enrolled, exact search"
    assert world.pack.contract.id in details["model"]
    for_people = soloface("doctor")
    assert for_people.code == 0
    assert {line[5:17].strip() for line in for_people.out.splitlines()} == set(NAMES)
    assert "bad" not in for_people.out


def test_limits_that_are_not_the_workers_are_a_warning(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(0.55, max_distance=0.55)
        Limits(database).note(world.pack.contract.id, policy)
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_DISTANCE", "0.55")
    assert not any(finding["warning"] for finding in soloface("doctor", "--json").json)
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_DISTANCE", "0.7")

    done = soloface("doctor", "--json")

    assert done.code == 0
    (warning,) = [finding for finding in done.json if finding["warning"]]
    assert "this environment has max_distance 0.7, no min_margin" in warning["detail"]
    assert "matches with max_distance 0.55, no min_margin" in warning["detail"]


def test_a_worker_that_never_ran_is_well(world: World, soloface: Soloface) -> None:
    done = soloface("doctor", "--json")

    assert not unhealthy(done)
    warning = done.json[0]
    assert warning["warning"]
    assert "soloface doctor --fix" in warning["detail"]
    for name in (world.settings.nats.stream, world.settings.nats.settled_stream):
        assert name in warning["detail"]
    assert done.json[-1]["detail"].startswith("nobody enrolled yet")
    assert streams(world) == []


def test_what_is_missing_is_made_when_asked_for(world: World, soloface: Soloface) -> None:
    done = soloface("doctor", "--fix")

    nats = world.settings.nats
    ours = [nats.stream, nats.dead_stream, nats.settled_stream, nats.durable]
    assert [line for line in done.out.splitlines() if line.startswith("made ")] == [
        f"made {name}" for name in ours
    ]
    assert sorted(streams(world)) == sorted(ours[:3])
    again = soloface("doctor", "--fix", "--json")
    assert not unhealthy(again)
    assert again.json[0]["detail"].endswith("0 jobs waiting, 0 in work")
    assert not again.json[0]["warning"]


@pytest.mark.parametrize("which", ["stream", "dead_stream", "settled_stream"])
def test_each_stream_is_looked_at(world: World, soloface: Soloface, which: str) -> None:
    soloface("doctor", "--fix")
    name = getattr(world.settings.nats, which)

    async def change(*, away: bool) -> None:
        async with jetstream(world.settings.nats) as js:
            if away:
                await js.delete_stream(name)
            else:
                await js.add_stream(name=name, subjects=[f"other.{name}"])

    asyncio.run(change(away=True))
    assert f"not there: the stream {name}" in soloface("doctor", "--json").json[0]["detail"]
    asyncio.run(change(away=False))
    found = unhealthy(soloface("doctor", "--json"))
    assert found.keys() == {"nats"}
    assert f"the stream {name} does not take the subject" in found["nats"]


def streams(world: World) -> list[str]:
    """Those of this world that exist."""

    async def look() -> list[str]:
        async with jetstream(world.settings.nats) as js:
            names = [info.config.name or "" for info in await js.streams_info()]
            nats = world.settings.nats
            ours = {nats.stream, nats.dead_stream, nats.settled_stream}
            return [name for name in names if name in ours]

    return asyncio.run(look())


def test_a_database_without_tables_is_found(make_world: MakeWorld, soloface: Soloface) -> None:
    make_world(migrated=False)

    found = unhealthy(soloface("doctor", "--json"))

    assert found.keys() == {"postgres", "schema", "rights", "gallery"}
    assert all("soloface migrate" in detail for detail in found.values())


@pytest.mark.parametrize(
    ("variable", "value", "names", "words"),
    [
        ("STORE__BUCKET", "not-there", {"object store"}, "no such bucket: not-there"),
        ("STORE__BUCKETS", "also-not-there", {"object store"}, "no such bucket: also-not-there"),
        ("STORE__SECRET_KEY", "wrong", {"object store"}, "SOLOFACE_STORE__ACCESS_KEY"),
        ("STORE__ENDPOINT", "127.0.0.1:1", {"object store"}, "SOLOFACE_STORE__ENDPOINT"),
        ("MODEL__ROOT", "/nowhere", {"model", "gallery"}, "soloface models install open"),
        ("NATS__PASSWORD", "wrong", {"nats"}, "NATS refuses the credentials"),
        ("NATS__URL", "nats://127.0.0.1:1", {"nats"}, "SOLOFACE_NATS__URL"),
        ("NATS__PROVISION", "false", {"nats"}, "SOLOFACE_NATS__PROVISION"),
        (
            "DATABASE__DSN",
            "postgresql://soloface:hidden@127.0.0.1:1/soloface",
            {"postgres", "schema", "rights", "gallery"},
            "Connection refused",
        ),
    ],
)
@pytest.mark.usefixtures("world")
def test_what_is_wrong_is_found_and_nothing_else(  # noqa: PLR0913, PLR0917 - fixtures and a table
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    names: set[str],
    words: str,
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)

    done = soloface("doctor", "--json")

    found = unhealthy(done)
    assert found.keys() == names
    assert all(words in detail for detail in found.values())
    assert "hidden" not in done.out


IMAGE = scaled(ENROLLED[0].portrait(), 0.7)


def details(done: Done, name: str) -> list[str]:
    assert done.code == 0, done.out
    return [finding["detail"] for finding in done.json if finding["name"] == name]


def warnings(done: Done) -> list[str]:
    return [finding["detail"] for finding in done.json if finding["warning"]]


def test_one_real_object_is_read_that_somebody_asked_for(world: World, soloface: Soloface) -> None:
    photo = world.photo(IMAGE)

    done = soloface("doctor", "--json", "--object", photo.key)

    bucket = world.settings.store.bucket
    assert details(done, "object store")[-1] == f"read {bucket}/{photo.key}, {len(IMAGE)} bytes"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("missing.jpg", "missing.jpg cannot be read: image_not_found: no such object: NoSuchKey"),
        ("a//b.jpg", "a//b.jpg cannot be read: invalid_image_ref: "),
        ("https://h/a.jpg", "https://h/a.jpg cannot be read: invalid_image_ref: "),
    ],
)
@pytest.mark.usefixtures("world")
def test_an_object_that_cannot_be_read_is_found(soloface: Soloface, key: str, words: str) -> None:
    found = unhealthy(soloface("doctor", "--json", "--object", key))
    assert found.keys() == {"object store"}
    assert found["object store"].startswith(words)


def test_else_it_is_the_newest_that_was_read_or_that_a_job_or_a_letter_names(
    world: World, soloface: Soloface, run_worker: RunWorker, log: Log
) -> None:
    assert any(
        "no object was read" in warning for warning in warnings(soloface("doctor", "--json"))
    )
    world.enrol(*ENROLLED)
    waiting = world.photo(IMAGE)
    (seq,) = world.publish(waiting.job())
    (detail,) = details(soloface("doctor", "--json"), "object store")[1:]
    assert detail.endswith("(the newest job that waits)")
    assert waiting.key in detail

    worker = run_worker()
    log.wait_settled([seq])
    worker.stop()
    (detail,) = details(soloface("doctor", "--json"), "object store")[1:]
    assert detail.endswith("(a photo whose face is recorded)")

    world.store.remove_object(world.settings.store.bucket, waiting.key)
    (warning,) = warnings(soloface("doctor", "--json"))
    assert "image_not_found" in warning
    assert "--object" in warning


def test_a_login_that_may_not_list_is_a_warning_and_one_that_may_read_nothing_is_bad(
    world: World,
    soloface: Soloface,
    refusing_store: FaultyStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo, other = world.photo(IMAGE), world.photo(IMAGE)
    monkeypatch.setenv(f"{PREFIX}STORE__ENDPOINT", refusing_store.address)
    refusing_store.behave(ReadOnlyLogin(lambda key: key == photo.key))

    done = soloface("doctor", "--json", "--object", photo.key)
    assert done.code == 0
    assert any("s3:ListBucket" in warning for warning in warnings(done))
    found = unhealthy(soloface("doctor", "--json", "--object", other.key))
    assert "AccessDenied" in found["object store"]


def test_a_job_that_is_held_is_named_with_the_way_on(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert details(soloface("doctor", "--json"), "held jobs") == []
    photo = world.photo(IMAGE)
    world.publish(*(each.job() for each in (photo, *world.photos(None, 2))))
    assert details(soloface("doctor", "--json"), "held jobs") == ["no job is in work"]

    world.take(2)
    (young,) = details(soloface("doctor", "--json"), "held jobs")
    assert young.startswith("the oldest in work: job 1 of photo ")

    monkeypatch.setattr(held, "OLD", timedelta(0))
    monkeypatch.setattr(held, "LOOK_FOR_S", 0)
    (old,) = (line for line in warnings(soloface("doctor", "--json")) if "published" in line)
    assert old.startswith(f"job 1 of photo {photo.id}, image {photo.key} was published ")
    assert "(2 in work, 0 of them delivered more than once)" in old
    assert "soloface dlq bury 1" in old
    assert "soloface doctor --object KEY" in old


def test_an_old_job_is_not_held_if_the_next_one_is_the_oldest_soon(world: World) -> None:
    world.publish(*(photo.job() for photo in world.photos(None, 2)))
    taken = world.take(2)
    looks: list[int] = []

    async def settle_one(_: float) -> None:
        looks.append(1)
        if len(looks) > 1:
            return
        await asyncio.to_thread(world.answer, taken[0], b"+ACK")

    found = asyncio.run(oldest_in_work(world.settings.nats, timedelta(0), 60, settle_one))
    assert found is not None
    assert (found.stream_seq, found.stays) == (2, False)
    assert looks


def test_a_finding_is_a_red_line_for_people(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}STORE__BUCKET", "not-there")

    done = soloface("doctor")

    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if line.startswith("bad")]
    assert line.split() == ["bad", "object", "store", "no", "such", "bucket:", "not-there"]
    assert world.settings.store.bucket not in done.out


def test_users_of_another_model_are_found(world: World, soloface: Soloface) -> None:
    world.enrol(ENROLLED[0])
    with world.database() as connection:
        connection.execute("update users set face_embedding_model = 'another-model'")

    found = unhealthy(soloface("doctor", "--json"))

    assert found.keys() == {"gallery"}
    assert "another-model" in found["gallery"]


def test_migrate_says_what_it_applied(make_world: MakeWorld, soloface: Soloface) -> None:
    make_world(migrated=False)

    names = [path.name for path in migrations()]
    assert soloface("migrate", "--json").json == {"applied": names, "dimension": 128}
    assert soloface("migrate", "--json").json == {"applied": [], "dimension": 128}
    assert soloface("migrate").out == "nothing to do\n"


def test_migrate_refuses_another_dimension(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}MODEL__PACK", "buffalo_l")

    done = soloface("migrate")

    assert done.code == 1
    assert "vector(128)" in done.err
    assert "vector(512)" in done.err
    assert world.settings.model.embedding_dimension == 128


def test_an_unknown_setting_is_one_clear_error(
    soloface: Soloface, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(f"{PREFIX}NATS_URL", str(tmp_path))

    done = soloface("doctor")

    assert done.code == 1
    assert done.err == "error: SOLOFACE_NATS_URL is not a setting; check its spelling.\n"
