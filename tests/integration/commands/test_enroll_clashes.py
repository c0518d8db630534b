"""`soloface enroll`: users who look like others, and what is said of them."""

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
from tests.fixtures.worker import Soloface
from tests.world import World

(ANA, *_) = ENROLLED


@pytest.fixture
def ana(world: World, soloface: Soloface, tmp_path: Path) -> UUID:
    """She is enrolled."""
    user = uuid4()
    photo = tmp_path / "ana.jpg"
    photo.write_bytes(jpeg(ANA.portrait()))
    assert soloface("enroll", user, photo).code == 0
    assert user in world.gallery()
    return user


def test_a_user_who_looks_like_another_one_is_refused_unless_forced(
    world: World, soloface: Soloface, tmp_path: Path, ana: UUID
) -> None:
    twin = uuid4()
    photo = tmp_path / "twin.jpg"
    photo.write_bytes(CHANGES["cropped 10 %"](ANA.portrait()))

    refused = soloface("enroll", twin, photo)

    assert refused.code == 1
    assert "clashes_with_user" in refused.out
    assert str(ana) in refused.out
    assert "SOLOFACE_ENROLMENT__MIN_DISTANCE" in refused.out
    assert twin not in world.gallery()
    assert soloface("enroll", twin, photo, "--force").code == 0
    assert twin in world.gallery()


def test_a_user_who_may_be_another_one_is_enrolled_and_the_other_is_named(
    world: World,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    ana: UUID,
) -> None:
    twin = uuid4()
    photo = tmp_path / "twin.jpg"
    photo.write_bytes(CHANGES["cropped 10 %"](ANA.portrait()))
    monkeypatch.setenv(f"{PREFIX}ENROLMENT__MIN_DISTANCE", "0")

    told = soloface("enroll", twin, photo, "--dry-run")
    done = soloface("enroll", twin, photo, "--json")

    assert (told.code, done.code) == (0, 0)
    assert f"possibly also {ana}: {twin}, at distance" in told.out
    (answer,) = done.json
    assert (answer["status"], answer["clash"]) == ("enrolled", None)
    assert answer["possibly_also"]["user_id"] == str(ana)
    assert 0 < answer["possibly_also"]["distance"] < world.pack.threshold
    assert twin in world.gallery()


@pytest.mark.usefixtures("world")
def test_ids_and_file_names_are_never_cut_in_a_pipe(
    soloface: Soloface, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    user = uuid4()
    photo = tmp_path / ("a_long_name_" * 15 + ".jpg")
    photo.write_text("not a photo")

    done = soloface("enroll", user, photo)

    assert any(str(user) in line and str(photo) in line for line in done.out.splitlines())


def test_what_the_workers_have_noted_keeps_tenants_apart_without_the_setting_too(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(0.55, gallery_required=True)
        Limits(database).note(world.pack.contract.id, policy)
    twins = [uuid4(), uuid4()]
    table = tmp_path / "twins.csv"
    rows = ["user_id,photo"]
    for number, twin in enumerate(twins):
        photo = tmp_path / f"{number}.jpg"
        photo.write_bytes(CHANGES["cropped 10 %"](ANA.portrait()) + bytes(number))
        rows.append(f"{twin},{photo}")
    table.write_text("\n".join(rows))
    done = soloface("enroll", "--csv", table)
    assert (done.code, set(world.gallery())) == (0, set(twins))
