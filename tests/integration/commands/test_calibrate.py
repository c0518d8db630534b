"""`soloface calibrate`: labelled photos in; rates, a threshold, pictures and honest doubts out."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path
from shutil import copytree

import pytest

from dataflow.faces.face import FacePack
from dataflow.settings import OPEN_PACK, PREFIX, ModelSettings
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import CAT, ENROLLED, GROUP, load_picture
from tests.fixtures.environment import set_only
from tests.fixtures.worker import Soloface

PNG = b"\x89PNG\r\n"
SOME_CHANGES = ["turned +18°", "dark 55 %", "quality 25"]


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people with four photos each, and one that shows nobody."""
    folder = tmp_path_factory.mktemp("album")
    for person in ENROLLED[:4]:
        home = folder / person.name
        home.mkdir()
        (home / "0.jpg").write_bytes(jpeg(person.portrait()))
        for number, change in enumerate(SOME_CHANGES, start=1):
            (home / f"{number}.jpg").write_bytes(CHANGES[change](person.portrait()))
    (folder / ENROLLED[0].name / "cat.jpg").write_bytes(jpeg(load_picture(CAT)))
    return folder


@pytest.fixture(params=["open", "insightface"])
def pack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FacePack:
    """Each of both packs in turn, as the settings have it."""
    loaded: FacePack = request.getfixturevalue(f"{request.param}_pack")
    set_only(monkeypatch, {})
    if request.param == "open":
        settings: ModelSettings = request.getfixturevalue("open_settings")
        monkeypatch.setenv(f"{PREFIX}MODEL__PACK", OPEN_PACK)
        monkeypatch.setenv(f"{PREFIX}MODEL__ROOT", str(settings.root))
    else:
        folder = request.getfixturevalue("insightface_folder")
        monkeypatch.setenv(f"{PREFIX}MODEL__PACK", str(folder))
    return loaded


def test_every_pack_is_judged_at_the_threshold_it_ships(
    pack: FacePack, album: Path, soloface: Soloface
) -> None:
    done = soloface("calibrate", album, "--far", "0.1", "--json")

    assert done.code == 0
    found = done.json
    assert (found["model"], found["people"], found["photos"]) == (pack.contract.id, 4, 16)
    assert found["refused"] == 1
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (24, 96)
    assert found["shipped"]["threshold"] == pack.threshold
    assert found["shipped"]["tar"]["value"] > 0.9
    assert found["shipped"]["far"]["value"] < 0.05
    assert found["identification"]["rank_1"]["value"] == 1
    assert found["recommended"]["point"]["far"]["value"] <= 0.1
    assert "4 people only" in found["warnings"][0]
    assert len(found["warnings"]) == 1


@pytest.mark.parametrize("pack", ["open"], indirect=True)
@pytest.mark.usefixtures("pack")
def test_a_picture_that_is_there_twice_is_noticed(
    album: Path, soloface: Soloface, tmp_path: Path
) -> None:
    copied = tmp_path / "copied"
    copytree(album, copied)
    person = copied / ENROLLED[0].name
    (person / "again.jpg").write_bytes((person / "0.jpg").read_bytes())

    warnings = soloface("calibrate", copied, "--far", "0.1", "--json").json["warnings"]

    assert any(warning.startswith("1 pair of one person is the same") for warning in warnings)


@pytest.mark.parametrize("pack", ["open"], indirect=True)
@pytest.mark.usefixtures("pack")
def test_a_far_that_the_photos_cannot_tell_is_refused_with_what_it_takes(
    album: Path, soloface: Soloface
) -> None:
    done = soloface("calibrate", album, "--far", "0.0001")

    assert done.code == 1
    assert "too few pairs to tell" in done.out
    assert "that needs 30000 pairs" in " ".join(done.out.split())
    assert "MAX_DISTANCE" not in done.out
    assert "refused" in done.out
    assert "no_face" in done.out


@pytest.mark.parametrize("pack", ["open"], indirect=True)
@pytest.mark.usefixtures("pack")
def test_the_page_holds_its_pictures_and_loads_nothing(
    album: Path, soloface: Soloface, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "folder"

    assert soloface("calibrate", album, "--far", "0.1", "--out", out).code == 0

    page = (out / "calibration.html").read_text(encoding="utf-8")
    embedded = [b64decode(data) for data in re.findall(r"data:image/png;base64,([^\"]+)", page)]
    files = [(out / name).read_bytes() for name in ("distances.png", "det.png")]
    assert embedded == files
    assert all(png.startswith(PNG) for png in files)
    assert "http" not in page
    assert "shipped" in page


@pytest.mark.parametrize("pack", ["open"], indirect=True)
@pytest.mark.usefixtures("pack")
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least two people"),
        (["ana/1.jpg"], "at least two people"),
        (["ana/1.jpg", "bea/1.jpg"], "two photos of one of them"),
    ],
)
def test_a_folder_that_tells_nothing_is_an_error(
    soloface: Soloface, tmp_path: Path, names: list[str], message: str
) -> None:
    for name in names:
        photo = tmp_path / name
        photo.parent.mkdir(exist_ok=True)
        photo.write_bytes(jpeg(ENROLLED[0].portrait()))

    done = soloface("calibrate", tmp_path)

    assert done.code == 1
    assert message in done.err
    assert "there is no folder" in soloface("calibrate", tmp_path / "absent").err


@pytest.mark.parametrize("pack", ["open"], indirect=True)
@pytest.mark.usefixtures("pack")
def test_for_a_wanted_fpir_it_recommends_a_distance_and_says_what_that_comes_to(
    album: Path, soloface: Soloface
) -> None:
    found = soloface("calibrate", album, "--fpir", "0.5", "--users", "3", "--json").json
    told = soloface("calibrate", album, "--fpir", "0.5", "--users", "3")
    more = soloface("calibrate", album, "--fpir", "0.5", "--users", "5", "--json").json

    searched = found["searched"]
    assert found["recommended"] is None
    assert (searched["users"], searched["is_reckoned"]) == (3, False)
    assert searched["fpir"]["value"] <= 0.5
    assert searched["fnir"]["value"] < 0.1
    assert told.code == 0
    for words in (
        f"SOLOFACE_MATCH__MAX_DISTANCE={searched['distance']:.3f}",
        "by the pack's table",
        "(FPIR)",
        "(FNIR)",
    ):
        assert words in told.out
    assert more["searched"]["is_reckoned"]
    assert any("5 users are more than can be drawn from 4 people" in w for w in more["warnings"])


@pytest.mark.parametrize("pack", ["open"], indirect=True)
@pytest.mark.usefixtures("pack")
def test_one_photo_of_each_person_will_do_for_an_fpir_and_a_group_beside_is_looked_at(
    album: Path, soloface: Soloface, tmp_path: Path
) -> None:
    for person in ENROLLED[:4]:
        home = tmp_path / person.name
        home.mkdir()
        (home / "0.jpg").write_bytes((album / person.name / "0.jpg").read_bytes())
    (tmp_path / ENROLLED[0].name / "group.jpg").write_bytes(jpeg(load_picture(GROUP)))

    found = soloface("calibrate", tmp_path, "--fpir", "0.5", "--users", "2", "--json").json
    told = soloface("calibrate", tmp_path, "--fpir", "0.5", "--users", "2")
    refused = soloface("calibrate", tmp_path, "--fpir", "0.001", "--users", "1000")

    assert (found["photos"], found["equal_error_rate"]) == (4, None)
    assert found["searched"]["fnir"] is None
    assert [row["photos"] for row in found["ignore_smaller"]] == [0] * 5
    assert "nobody has two photos" in told.out
    assert refused.code == 1
    assert "cannot tell an FPIR of 0.001 among 1000 users" in " ".join(refused.out.split())
    assert "multiple_faces (" in told.out
    assert "BYSTANDERS" not in told.out
    assert soloface("calibrate", tmp_path).code == 1
    assert "of use with --fpir only" in soloface("calibrate", tmp_path, "--users", "2").err
    both = soloface("calibrate", tmp_path, "--fpir", "0.5", "--far", "0.01")
    assert (both.code, "give --far or --fpir" in both.err) == (2, True)
