"""`soloface doctor` and `soloface migrate`: what is wrong, one line each, and what to do."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig

from connectors.jetstream.letters.erasure import our_streams
from connectors.jetstream.provision import provision
from connectors.postgres.setup.migrate import migrations
from dataflow.settings import PREFIX, NatsSettings
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.examination import NAMES, unhealthy, warnings
from tests.fixtures.worker import MakeWorld, Soloface
from tests.world import World, jetstream


def test_all_is_well(world: World, soloface: Soloface) -> None:
    world.enrol(*ENROLLED[:3])
    world.publish(b"{}", b"{}")

    done = soloface("doctor", "--json")

    assert not unhealthy(done)
    details = {finding["name"]: finding["detail"] for finding in done.json}
    (clash,) = [one["detail"] for one in done.json if "clashes" in one["detail"]]
    assert re.fullmatch(
        r"a new user clashes with one who is nearer than 0\.\d+ \(one photo each\), 0\.\d+ \(two\) "
        r"or 0\.\d+ \(three\)",
        clash,
    )
    lanes = [finding["detail"] for finding in done.json if finding["name"] == "nats"]
    assert [lane.partition(": ")[2] for lane in lanes] == [
        "2 jobs waiting, 0 in work",
        "0 jobs waiting, 0 in work",
    ]
    assert details["gallery"] == "3 users enrolled, exact search"
    assert world.pack.contract.id in details["model"]
    for_people = soloface("doctor")
    assert for_people.code == 0
    assert {line[5:17].strip() for line in for_people.out.splitlines()} == set(NAMES)
    assert "bad" not in for_people.out


def test_a_paused_consumer_is_a_warning(world: World, soloface: Soloface) -> None:
    settings = world.settings.nats
    until = datetime.now(UTC) + timedelta(hours=1)

    async def pause() -> None:
        async with jetstream(settings) as js:
            await provision(js, settings)
            await js.pause_consumer(settings.stream, settings.durable, until.isoformat())

    asyncio.run(pause())

    (warning,) = [
        detail for detail in warnings(soloface("doctor", "--json")) if settings.durable in detail
    ]
    assert f"is paused until {until:%Y-%m-%dT%H:%M:%S}" in warning


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"max_bytes": 1_000_000}, "--max-bytes=-1"),
        ({"max_msgs": 10, "max_age": 60}, "--max-age=-1 --max-msgs=-1"),
        ({"max_age": 60, "discard": DiscardPolicy.NEW}, "--max-age=-1"),
        ({"max_msgs_per_subject": 1}, "--max-msgs-per-subject=-1"),
        ({"retention": RetentionPolicy.INTEREST}, "that were acknowledged"),
        ({"max_bytes": 1_000_000, "discard": DiscardPolicy.NEW}, ""),
    ],
)
def test_a_stream_of_tags_that_lets_changes_go_is_a_warning(
    world: World, soloface: Soloface, limit: dict[str, Any], said: str
) -> None:
    settings = world.settings.nats

    async def make() -> None:
        async with jetstream(settings) as js:
            await js.add_stream(
                StreamConfig(name=settings.tags_stream, subjects=[settings.tags_subject]), **limit
            )

    asyncio.run(make())
    told = [
        detail
        for detail in warnings(soloface("doctor", "--json"))
        if f"the stream {settings.tags_stream} has" in detail
    ]
    assert len(told) == (1 if said else 0)
    assert all(said in detail for detail in told)


def of_photos(settings: NatsSettings) -> list[str]:
    """The streams that a worker needs."""
    return [name for name in our_streams(settings) if not name.startswith("PEOPLE")]


def test_a_worker_that_never_ran_is_well(world: World, soloface: Soloface) -> None:
    done = soloface("doctor", "--json")

    assert not unhealthy(done)
    warning = done.json[0]
    assert warning["warning"]
    assert "soloface doctor --fix" in warning["detail"]
    for name in of_photos(world.settings.nats):
        assert name in warning["detail"]
    assert done.json[-1]["detail"].startswith("nobody enrolled yet")
    assert streams(world) == []


def test_what_is_missing_is_made_when_asked_for(world: World, soloface: Soloface) -> None:
    done = soloface("doctor", "--fix")

    nats = world.settings.nats
    ours = [*of_photos(nats), nats.durable, nats.backfill_durable]
    assert [line for line in done.out.splitlines() if line.startswith("made ")] == [
        f"made {name}" for name in ours
    ]
    assert sorted(streams(world)) == sorted(ours[:-2])
    again = soloface("doctor", "--fix", "--json")
    assert not unhealthy(again)
    assert again.json[0]["detail"].endswith("0 jobs waiting, 0 in work")
    assert not again.json[0]["warning"]


@pytest.mark.parametrize("which", ["stream", "dead_stream", "settled_stream", "tags_stream"])
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
            ours = set(our_streams(nats))
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
    assert (
        done.err == "error: SOLOFACE_NATS_URL is not a setting; did you mean SOLOFACE_NATS__URL?\n"
    )
