"""From the pack that earlier releases called `open` to the one that is called so now."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from dataflow.faces.face import FacePack
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK, PREFIX, load_settings
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from soloface.worker import Worker
from tests.fixtures.worker import Log, MakeWorld, RunWorker, Soloface
from tests.world import World

PEOPLE = ENROLLED[:3]


@pytest.fixture
def world(make_world: MakeWorld, former_root: Path, open_dlib_pack: FacePack) -> World:
    """A platform that an earlier release was installed on; its folder of packs can be written."""
    made = make_world(MODEL__ROOT=str(former_root))
    return replace(made, pack=open_dlib_pack)


@pytest.fixture
def users(world: World, soloface: Soloface, tmp_path: Path) -> dict[str, UUID]:
    """Enrolled users by name, whose photos are kept."""
    ids = {person.name: uuid4() for person in PEOPLE}
    for person in PEOPLE:
        folder = tmp_path / "photos" / str(ids[person.name])
        folder.mkdir(parents=True)
        (folder / "one.jpg").write_bytes(jpeg(person.portrait()))
    assert soloface("enroll", "--folder", tmp_path / "photos", "--keep-photos").code == 0
    assert len(world.gallery()) == len(PEOPLE)
    return ids


def jobs(world: World, rounds: int) -> list[bytes]:
    """Jobs for photos of each person that are a little unlike the enrolled one."""
    changed = CHANGES["quality 25"]
    return [
        photo.job()
        for person in PEOPLE
        for photo in world.photos(changed(person.portrait()), rounds)
    ]


def start() -> list[str]:
    """What a worker warns of when it starts with the present environment.

    Raises:
        ConfigurationError: it does not start.
    """
    worker = Worker(load_settings(), threading.Event())
    with closing(worker._database), capture_logs() as logs:
        worker.check()
    return [line["event"] for line in logs if line["log_level"] == "warning"]


@pytest.mark.usefixtures("users")
def test_after_an_upgrade_a_worker_goes_on_and_says_that_its_pack_has_a_new_name(
    monkeypatch: pytest.MonkeyPatch,
    soloface: Soloface,
) -> None:
    assert "pack_renamed" in start()
    (warning,) = [
        finding["detail"]
        for finding in soloface("doctor", "--json").json
        if finding["name"] == "model" and finding["warning"]
    ]
    assert "SOLOFACE_MODEL__PACK=open-dlib" in warning

    monkeypatch.setenv(f"{PREFIX}MODEL__PACK", OPEN_DLIB_PACK)

    assert "pack_renamed" not in start()


@pytest.mark.usefixtures("users")
def test_until_the_users_are_moved_a_worker_of_the_new_pack_names_both_ways_out(
    soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert soloface("models", "install", OPEN_PACK).code == 0

    with pytest.raises(ConfigurationError) as refusal:
        start()

    for words in ("open-sface-", "open-283e97ebd159", "MODEL__PACK=open-dlib", "reembed --to open"):
        assert words in str(refusal.value)
    monkeypatch.setenv(f"{PREFIX}MODEL__PACK", OPEN_DLIB_PACK)
    assert "pack_renamed" not in start()


def test_users_move_to_the_new_pack_under_a_running_worker(  # noqa: PLR0913, PLR0917
    world: World,
    users: dict[str, UUID],
    soloface: Soloface,
    run_worker: RunWorker,
    log: Log,
    open_pack: FacePack,
) -> None:
    early = soloface("reembed", "--to", OPEN_PACK)
    assert early.code == 1
    assert "soloface models install open" in early.err
    old = run_worker(MODEL__PACK=OPEN_DLIB_PACK)
    before = world.publish(*jobs(world, 2))
    log.wait_settled(before)
    assert soloface("models", "install", OPEN_PACK).code == 0
    flood = world.publish(*jobs(world, 5))

    moved = soloface("reembed", "--to", OPEN_PACK, "--photos", "--json")

    assert (moved.code, moved.json["moved"], moved.json["users"]) == (0, True, len(users))
    assert moved.json["model"] == open_pack.contract.id
    after = world.publish(*jobs(world, 1))
    log.wait(lambda: bool(log.events("dependency_unusable")))
    old.stop()
    run_worker(MODEL__PACK=OPEN_PACK)
    log.wait_settled(after + flood)

    assert {line["reason"] for line in log.settled} == {"matched"}
    assert len(world.rows("face_matches")) == len(before + flood + after)
    tagged = {row["user_id"] for row in world.rows("face_matches").values()}
    assert tagged == set(users.values())
    with closing(Database(world.settings.database)) as database:
        assert Gallery(database).sizes() == {open_pack.contract.id: len(users)}
    world.assert_nothing_is_left()
