"""`soloface enroll` into galleries."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from uuid import UUID

import pytest

from tests.fixtures.worker import Soloface
from tests.world import World


def test_users_are_added_to_galleries_by_folders_a_column_and_an_option(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    for gallery in ("hall", "school"):
        (tmp_path / "trees" / gallery).mkdir(parents=True)
    for name, gallery in (("ana", "hall"), ("ana", "school"), ("bea", "school")):
        copytree(tmp_path / str(tree[name]), tmp_path / "trees" / gallery / str(tree[name]))
    done = soloface("enroll", "--folder", tmp_path / "trees", "--galleries", "--json")
    assert done.code == 0
    expected = {str(tree["ana"]): ["hall", "school"], str(tree["bea"]): ["school"]}
    assert {one["user_id"]: one["galleries"] for one in done.json} == expected
    for photo in (tmp_path / "trees").glob("*/*/*.jpg"):
        world.upload(f"events/{photo.relative_to(tmp_path / 'trees')}", photo.read_bytes())
    again = soloface("enroll", "--prefix", "events", "--galleries", "--json")
    assert {one["user_id"]: one["galleries"] for one in again.json} == expected
    table = tmp_path / "users.csv"
    table.write_text(
        "user_id,photo,gallery\n"
        + "".join(f"{tree['ana']},{tree['ana']}/{n}.jpg,club{n}\n" for n in (1, 2))
    )
    done = soloface("enroll", "--csv", table, "--gallery", "all", "--json")
    assert [one["galleries"] for one in done.json] == [["club1", "club2", "all"]]
    with world.database() as connection:
        rows = connection.execute("select gallery, user_id from face_gallery_members").fetchall()
    assert {(row["gallery"], row["user_id"]) for row in rows} == {
        *((name, tree["ana"]) for name in ("hall", "school", "club1", "club2", "all")),
        ("school", tree["bea"]),
    }


@pytest.mark.parametrize("gallery", ["", "two words", "x" * 129])
def test_a_bad_name_of_a_gallery_enrols_nobody(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID], gallery: str
) -> None:
    del tree
    done = soloface("enroll", "--folder", tmp_path, "--gallery", gallery)
    assert done.code == 1
    assert "--gallery: the name of a gallery must be" in done.err
    assert world.gallery() == {}
