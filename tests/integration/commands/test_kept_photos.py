"""Photos that `enroll --keep-photos` stored: in the bucket as long as an enrolment names them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dataflow.settings import PREFIX
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.logins import login_with
from tests.fixtures.worker import Soloface
from tests.world import World

ANA, BEA = ENROLLED[:2]


@pytest.fixture
def album(tmp_path: Path) -> list[Path]:
    """Three photos of Ana, and one of Bea."""
    images = [
        jpeg(ANA.portrait()),
        CHANGES["quality 25"](ANA.portrait()),
        CHANGES["turned +18°"](ANA.portrait()),
        jpeg(BEA.portrait()),
    ]
    photos = [tmp_path / f"{number}.jpg" for number in range(len(images))]
    for photo, image in zip(photos, images, strict=True):
        photo.write_bytes(image)
    return photos


def in_bucket(world: World) -> set[str]:
    objects = world.store.list_objects(world.settings.store.bucket, recursive=True)
    return {str(item.object_name) for item in objects}


def kept(user: UUID, *photos: Path) -> set[str]:
    return {f"enrolment/{user}/{sha256(photo.read_bytes()).hexdigest()}.jpg" for photo in photos}


def test_a_new_enrolment_takes_the_place_of_the_photos_kept_before_and_of_no_others(
    world: World, soloface: Soloface, album: list[Path]
) -> None:
    ana, bea = uuid4(), uuid4()
    own = f"enrolment/{ana}/passport.jpg"
    world.upload(own, album[2].read_bytes())
    by_own = f"minio://{world.settings.store.bucket}/{own}"
    soloface("enroll", bea, album[3], "--keep-photos")
    soloface("enroll", ana, *album[:2], by_own, "--keep-photos")
    assert in_bucket(world) == {own} | kept(ana, *album[:2]) | kept(bea, album[3])

    soloface("enroll", ana, *album[1:3], "--keep-photos")

    assert in_bucket(world) == {own} | kept(ana, *album[1:3]) | kept(bea, album[3])
    assert soloface("enroll", ana, album[0]).code == 0
    assert in_bucket(world) == {own} | kept(bea, album[3])


def test_a_photo_that_the_store_does_not_let_go_is_named_and_the_user_is_enrolled(
    world: World, soloface: Soloface, album: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = uuid4()
    soloface("enroll", ana, album[0], "--keep-photos")
    monkeypatch.setenv(f"{PREFIX}STORE__SECRET_KEY", "wrong-wrong-wrong")

    done = soloface("enroll", ana, album[2])

    assert done.code == 0
    (name,) = kept(ana, album[0])
    assert "kept_photo_not_deleted" in done.err
    assert name in done.err
    assert in_bucket(world) == {name}


def test_of_an_erased_user_no_kept_photo_is_left_under_the_role_for_erasing_too(
    world: World, soloface: Soloface, album: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bea = uuid4(), uuid4()
    soloface("enroll", bea, album[3], "--keep-photos")
    soloface("enroll", ana, *album[:2], "--keep-photos")
    counted = f"objects in {world.settings.store.bucket}"

    with login_with("soloface_eraser", world.settings.database) as eraser:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", eraser.dsn.get_secret_value())
        rehearsed = soloface("erase", "--user", ana, "--dry-run", "--json")
        assert in_bucket(world) == kept(ana, *album[:2]) | kept(bea, album[3])
        done = soloface("erase", "--user", ana, "--yes", "--json")

    assert done.code == 0
    assert rehearsed.json["erased"][counted] == done.json["erased"][counted] == 2
    assert in_bucket(world) == kept(bea, album[3])


def test_what_an_interrupted_run_has_kept_is_erased_but_nothing_of_others_and_nothing_of_yours(
    world: World, soloface: Soloface, album: list[Path]
) -> None:
    ana, bea = uuid4(), uuid4()
    own = f"enrolment/{ana}/passport.jpg"
    (unnamed,) = kept(ana, album[0])
    (of_bea,) = kept(ana, album[3])
    for name, photo in ((own, album[2]), (unnamed, album[0]), (of_bea, album[3])):
        world.upload(name, photo.read_bytes())
    soloface("enroll", bea, f"minio://{world.settings.store.bucket}/{of_bea}")

    done = soloface("erase", "--user", ana, "--yes")

    assert done.code == 0
    assert in_bucket(world) == {own, of_bea}


def test_where_the_store_keeps_a_photo_the_references_to_it_stay_and_the_command_fails(
    world: World, soloface: Soloface, album: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = uuid4()
    soloface("enroll", ana, album[0], "--keep-photos")
    monkeypatch.setenv(f"{PREFIX}STORE__SECRET_KEY", "wrong-wrong-wrong")

    done = soloface("erase", "--user", ana, "--yes")

    assert done.code == 1
    assert "SOLOFACE_STORE__ACCESS_KEY" in done.err
    assert ana in world.gallery()
