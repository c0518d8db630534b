"""`soloface calibrate --enrolled`: what distances mean among the users' own photos."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.settings import PREFIX
from dataflow.steps.matching import MatchPolicy
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.logins import login_with
from tests.fixtures.worker import Done, Soloface
from tests.world import World

PEOPLE = ENROLLED[:3]
KEPT = "enrolment/"
TABLE = ("photos", "genuine_pairs", "impostor_pairs", "table", "shipped", "identification")


@pytest.fixture
def tree(tmp_path: Path) -> dict[UUID, list[Path]]:
    """Three users' photos: two, two, and one."""
    photos = {}
    for number, person in enumerate(PEOPLE):
        folder = tmp_path / str(user := uuid4())
        folder.mkdir()
        photos[user] = [folder / "1.jpg", folder / "2.jpg"][: 2 if number < 2 else 1]
        images = [jpeg(person.portrait()), CHANGES["turned +18°"](person.portrait())]
        for path, image in zip(photos[user], images, strict=False):
            path.write_bytes(image)
    return photos


@pytest.fixture
def users(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[UUID, list[Path]]
) -> list[UUID]:
    """Those users enrolled, by photos that are kept."""
    assert soloface("enroll", "--folder", tmp_path, "--keep-photos").code == 0
    assert world.gallery().keys() == tree.keys()
    return list(tree)


def warned(done: Done, text: str) -> bool:
    return any(text in warning for warning in done.json["warnings"])


def test_the_users_own_photos_give_the_figures_that_a_folder_of_them_gives(
    world: World,
    users: list[UUID],
    soloface: Soloface,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_folder = soloface("calibrate", tmp_path, "--far", "0.4", "--json")
    for photo in tmp_path.glob("*/*.jpg"):
        photo.unlink()

    with login_with("soloface_auditor", world.settings.database) as auditor:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", auditor.dsn.get_secret_value())
        of_users = soloface("calibrate", "--enrolled", "--far", "0.4", "--json")
        of_some = soloface("calibrate", "--enrolled", "--most", "4", "--far", "0.4", "--json")

    assert of_users.code == 0
    assert (of_users.json["people"], of_users.json["photos"]) == (len(users), 5)
    assert [of_users.json[key] for key in TABLE] == [of_folder.json[key] for key in TABLE]
    assert of_users.json["model"] == world.pack.contract.id
    assert warned(of_users, "1 person has one photo only")
    assert warned(of_users, "enrolment has left out")
    assert not warned(of_folder, "enrolment has left out")
    assert of_some.json["photos"] == 4
    assert warned(of_some, "4 of 5 photos on record")


def test_photos_that_are_gone_are_named_until_too_few_are_left(
    world: World, users: list[UUID], soloface: Soloface
) -> None:
    bucket = world.settings.store.bucket
    kept = [item.object_name for item in world.store.list_objects(bucket, KEPT, recursive=True)]
    theirs = [name for name in kept if str(users[0]) in str(name)]
    world.store.remove_object(bucket, str(theirs[0]))

    some = soloface("calibrate", "--enrolled", "--far", "0.4")
    for name in kept:
        world.store.remove_object(bucket, str(name))
    none = soloface("calibrate", "--enrolled", "--far", "0.4")

    assert f"refused minio://{bucket}/{theirs[0]}: image_not_found" in some.out
    assert "4 photos of 3 people, 1 refused" in some.out
    assert none.code == 1
    assert "photos that show one face: 0 of 5" in none.err
    assert "refused: 5 image_not_found" in none.err


def test_where_nobody_is_enrolled_with_this_model_that_is_said_and_who_is_with_which(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    nobody = soloface("calibrate", "--enrolled")
    with world.database() as connection:
        for statement in (
            "insert into users (id, face_embedding_model) values (%s, 'other-1')",
            "insert into face_enrolments values (%s, 'other-1', 1, 'f')",
        ):
            connection.execute(statement, [UUID(int=1)])
    others = soloface("calibrate", "--enrolled")

    found = f"on record with {world.pack.contract.id}: 0 photos of enrolled users"
    assert (nobody.code, others.code) == (1, 1)
    assert found in nobody.err
    assert nobody.err.endswith("(soloface enroll)\n")
    assert others.err.endswith("enrolled with other-1: use that pack (SOLOFACE_MODEL__PACK)\n")
    assert soloface("calibrate").code == 2
    assert soloface("calibrate", tmp_path, "--enrolled").code == 2


def test_where_a_gallery_is_required_only_members_of_one_are_compared(
    world: World,
    users: list[UUID],
    soloface: Soloface,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(jpeg(ENROLLED[3].portrait()))
    enrolled = soloface("enroll", uuid4(), other, "--keep-photos", "--gallery", "elsewhere")
    assert (enrolled.code, soloface("gallery", "add", "hall", *users).code) == (0, 0)
    wanted = ("--fpir", "0.5", "--users", "1", "--json")
    of_folder = soloface("calibrate", tmp_path, *wanted)

    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(0.55, gallery_required=True)
        Limits(database).note(world.pack.contract.id, policy)
    with login_with("soloface_enroller", world.settings.database) as enroller:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", enroller.dsn.get_secret_value())
        noted = soloface("calibrate", "--enrolled")
        of_hall = soloface("calibrate", "--enrolled", "--gallery", "hall", *wanted)
        alone = soloface("calibrate", "--enrolled", "--gallery", "elsewhere")
    with world.database() as connection:
        connection.execute("truncate face_match_limits")
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", world.settings.database.dsn.get_secret_value())
    monkeypatch.setenv(f"{PREFIX}MATCH__GALLERY", "required")
    refused = soloface("calibrate", "--enrolled")

    for done in (noted, refused):
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert "say with --gallery whose members" in done.err
    figures = (*TABLE, "people", "searched")
    assert [of_hall.json[key] for key in figures] == [of_folder.json[key] for key in figures]
    assert of_hall.json["searched"]["fpir"]["value"] <= 0.5
    assert of_hall.json["searched"]["distance"] > 0
    assert "1 photo of enrolled users in the gallery elsewhere" in alone.err
