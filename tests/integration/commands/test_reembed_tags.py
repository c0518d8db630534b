"""The end of a move to another model: the tags are those that the new model gives."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from connectors.postgres.photos.recorder import Recorder
from dataflow.faces.face import FacePack
from dataflow.jobs.job import parse_job
from dataflow.settings import PREFIX
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.builders import delivery
from tests.fixtures.recording import ONCE
from tests.fixtures.worker import Soloface
from tests.world import World

ANA, BEA, CARO = ENROLLED[:3]


@pytest.fixture
def users(world: World, soloface: Soloface, tmp_path: Path) -> dict[str, UUID]:
    """Ana and Bea, enrolled by photos that last."""
    assert not world.gallery()
    ids = {person.name: uuid4() for person in (ANA, BEA)}
    for person in (ANA, BEA):
        folder = tmp_path / str(ids[person.name])
        folder.mkdir()
        (folder / "one.jpg").write_bytes(jpeg(person.portrait()))
    assert soloface("enroll", "--folder", tmp_path).code == 0
    return ids


@pytest.fixture
def photos(world: World, users: dict[str, UUID]) -> dict[str, UUID]:
    """Ana's photo is tagged with Bea, by mistake; Bea's and Caro's are not tagged."""
    found = {}
    with closing(Database(world.settings.database)) as database:
        nobody = MatchPolicy(world.pack.threshold, max_distance=0)
        recorder = Recorder(database, ONCE, nobody, world.pack.contract.id)
        for number, person in enumerate((ANA, BEA, CARO), 1):
            image = jpeg(person.portrait())
            photo = world.photo(image)
            face = Recognised(delivery(seq=number), parse_job(photo.job()), world.recognise(image))
            recorder.record([face])
            found[person.name] = photo.id
    with world.database() as connection:
        connection.execute("delete from face_matches")
        connection.execute(
            "insert into face_matches (photo_face_id, user_id, confidence) "
            "select id, %s, 0.3 from photo_faces where photo_id = %s",
            [users[BEA.name], found[ANA.name]],
        )
        connection.execute("truncate face_outbox, face_rematches")
    return found


@pytest.fixture
def limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's limit for the new pack; a world begins with none."""
    assert world.settings.match.max_distance is None
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_DISTANCE", "0.01")


def tags(world: World) -> dict[UUID, UUID]:
    return {photo: row["user_id"] for photo, row in world.rows("face_matches").items()}


def waiting(world: World) -> list[tuple[object, ...]]:
    with world.database() as connection:
        rows = connection.execute("select * from face_rematches order by id").fetchall()
    return [(row["user_id"], row["model"], row["cause"]) for row in rows]


@pytest.mark.usefixtures("limited")
def test_with_the_faces_on_photos_it_says_which_tags_changed(  # noqa: PLR0913, PLR0917
    world: World,
    users: dict[str, UUID],
    photos: dict[str, UUID],
    soloface: Soloface,
    insightface_folder: Path,
    insightface_pack: FacePack,
) -> None:
    moved = soloface("reembed", "--to", insightface_folder, "--photos", "--json")

    assert (moved.code, moved.json["moved"], moved.json["faces"]) == (0, True, 3)
    assert moved.json["rematch"] == {
        "photos": 3,
        "gained": 1,
        "lost": 0,
        "moved": 1,
        "by_others_too": False,
    }
    assert tags(world) == {photos[p.name]: users[p.name] for p in (ANA, BEA)}
    assert waiting(world) == []
    with world.database() as connection:
        rows = connection.execute("select change, cause from face_outbox").fetchall()
        models = connection.execute("select distinct model from photo_faces").fetchall()
    assert {(row["change"], row["cause"]) for row in rows} == {
        ("moved", "reembedded"),
        ("gained", "reembedded"),
    }
    assert [row["model"] for row in models] == [insightface_pack.contract.id]
    again = soloface("reembed", "--to", insightface_folder)
    assert "3 photos decided again; tags: 0 gained, 0 lost, 0 moved" in again.out


@pytest.mark.usefixtures("limited")
def test_faces_that_stay_with_the_old_model_keep_their_tags(
    world: World,
    photos: dict[str, UUID],
    soloface: Soloface,
    insightface_folder: Path,
) -> None:
    before = tags(world)

    moved = soloface("reembed", "--to", insightface_folder, "--json")

    assert (moved.code, moved.json["moved"]) == (0, True)
    assert moved.json["rematch"]["photos"] == 0
    assert tags(world) == before
    assert photos.keys() > {ANA.name}
    assert waiting(world) == []


def test_without_a_limit_for_the_new_pack_tags_are_left_to_its_first_worker(
    world: World,
    photos: dict[str, UUID],
    soloface: Soloface,
    insightface_folder: Path,
    insightface_pack: FacePack,
) -> None:
    with closing(Database(world.settings.database)) as database:
        limits = Limits(database)
        limits.note(world.pack.contract.id, MatchPolicy(world.pack.threshold, 0.3))
        before = tags(world)

        moved = soloface("reembed", "--to", insightface_folder, "--photos", "--json")

        model = insightface_pack.contract.id
        assert (moved.code, moved.json["moved"], moved.json["rematch"]) == (0, True, None)
        assert "left to the first worker of this pack" in moved.err
        assert tags(world) == before
        assert waiting(world) == [(None, model, "reembedded")]
        limits.note(model, MatchPolicy(insightface_pack.threshold, 0.01))

    again = soloface("reembed", "--to", insightface_folder, "--json")
    assert again.json["rematch"]["moved"] == 1
    assert photos[CARO.name] not in tags(world)
    assert waiting(world) == []


def test_a_move_that_is_refused_matches_nothing_again(  # noqa: PLR0913, PLR0917
    world: World,
    users: dict[str, UUID],
    photos: dict[str, UUID],
    soloface: Soloface,
    tmp_path: Path,
    insightface_folder: Path,
) -> None:
    (tmp_path / str(users[ANA.name]) / "one.jpg").unlink()

    refused = soloface("reembed", "--to", insightface_folder, "--json")

    assert (refused.code, refused.json["moved"], refused.json["rematch"]) == (1, False, None)
    assert tags(world) == {photos[ANA.name]: users[BEA.name]}
    assert waiting(world) == []
