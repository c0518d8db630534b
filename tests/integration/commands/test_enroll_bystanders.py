"""`soloface enroll` with a photo that shows somebody else too."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from dataflow.settings import PREFIX
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, GROUP, load_picture
from tests.fixtures.worker import Soloface
from tests.photos import beside
from tests.world import World

ANA, BEA = ENROLLED[:2]


@pytest.fixture
def two_people(tmp_path: Path) -> Path:
    """Ana in the middle, and Bea at less than half her size in a corner."""
    photo = tmp_path / "beside.jpg"
    photo.write_bytes(jpeg(beside(ANA.portrait(), BEA.portrait())))
    return photo


@pytest.fixture(params=["option", "setting"])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Either way to ask for the subject: options, or the environment."""
    if request.param == "option":
        return ["--subject"]
    monkeypatch.setenv(f"{PREFIX}ENROLMENT__BYSTANDERS", "ignore")
    return []


def test_the_subject_is_taken_where_that_is_asked_for_and_the_report_says_who_was_left_out(
    world: World, soloface: Soloface, two_people: Path, asked: list[str]
) -> None:
    user = uuid4()

    done = soloface("enroll", user, two_people, *asked, "--json")
    told = soloface("enroll", uuid4(), two_people, *asked, "--force")

    assert (done.code, told.code) == (0, 0)
    assert [used["others_left_out"] for used in done.json[0]["used"]] == [1]
    assert f"1 other face left out on {two_people}" in told.out
    similar = float(world.gallery()[user] @ world.recognise(jpeg(ANA.portrait())).embedding)
    assert 1 - similar < world.pack.threshold


def test_unless_it_is_asked_for_the_photo_is_refused_with_both_ways_out(
    world: World, soloface: Soloface, two_people: Path
) -> None:
    done = soloface("enroll", uuid4(), two_people, "--json")

    assert done.code == 1
    (refusal,) = done.json[0]["refused"]
    assert refusal["reason"] == "multiple_faces"
    assert "crop the photo" in refusal["detail"]
    assert "soloface enroll --subject" in refusal["detail"]
    assert not world.gallery()


def test_a_group_has_no_subject(
    world: World, soloface: Soloface, asked: list[str], tmp_path: Path
) -> None:
    group = tmp_path / "group.jpg"
    group.write_bytes(jpeg(load_picture(GROUP)))

    done = soloface("enroll", uuid4(), group, *asked, "--json")

    assert done.code == 1
    (refusal,) = done.json[0]["refused"]
    assert refusal["reason"] == "multiple_faces"
    assert "none of them clearly the subject; crop the photo" in refusal["detail"]
    assert not world.gallery()
