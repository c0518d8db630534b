"""`soloface enroll`: users who look like others, and what is said of them."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dataflow.settings import PREFIX
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
