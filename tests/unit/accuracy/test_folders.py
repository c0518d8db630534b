"""What counts as a set of labelled photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy.__main__ import labelled_sets
from benchmarks.accuracy.folders import find_sets
from dataflow.jobs.errors import ConfigurationError


def lay_out(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"photo")
    return root


def test_a_folder_of_people_is_a_set_under_its_own_name(tmp_path: Path) -> None:
    lay_out(tmp_path / "family", "ana/1.jpg", "ana/2.jpg", "bea/1.jpg", "README.md")

    (found,) = find_sets([tmp_path / "family"])

    assert found.told == "family: 3 photos, 2 people"
    assert found.people == ("ana", "ana", "bea")
    assert [Path(path).name for path in found.paths] == ["1.jpg", "2.jpg", "1.jpg"]


def test_a_folder_that_holds_sets_gives_each_of_them_and_photos_of_nobody(tmp_path: Path) -> None:
    lay_out(tmp_path, "a/x/1.jpg", "a/y/1.jpg", "deep/b/x/1.jpg", "deep/b/y/1.jpg")
    lay_out(tmp_path, "groups/several/1.jpg", "groups/several/2.jpg", "a/.hidden/1.jpg", "a/x/.no")

    assert [found.told for found in find_sets([tmp_path])] == [
        "a: 2 photos, 2 people",
        "deep/b: 2 photos, 2 people",
        "groups/several: 2 photos, no people",
    ]


def test_a_folder_of_photos_alone_has_no_people(tmp_path: Path) -> None:
    lay_out(tmp_path / "crowd", "1.jpg", "2.jpg")

    (found,) = find_sets([tmp_path / "crowd"])

    assert (found.name, found.people) == ("crowd", ())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["absent"], "there is no folder"),
        (["empty"], "holds no photos"),
        (["one/set", "two/set"], "two sets are called set"),
    ],
)
def test_what_cannot_be_told_apart_is_an_error(
    tmp_path: Path, given: list[str], message: str
) -> None:
    lay_out(tmp_path, "one/set/a/1.jpg", "one/set/b/1.jpg", "two/set/a/1.jpg", "two/set/b/1.jpg")
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigurationError, match=message):
        find_sets([tmp_path / name for name in given])


def test_people_whose_photos_show_others_can_be_left_out(tmp_path: Path) -> None:
    lay_out(tmp_path, "a/x/1.jpg", "a/y/1.jpg", "b/x/1.jpg", "b/y/1.jpg", "b/z/1.jpg")
    lay_out(tmp_path, "groups/several/1.jpg")

    left = labelled_sets([tmp_path], ["b/x"])

    assert [found.told for found in left] == [
        "a: 2 photos, 2 people",
        "b: 2 photos, 2 people",
        "groups/several: 1 photo, no people",
    ]
    assert list(left[1].people) == ["y", "z"]
    with pytest.raises(ConfigurationError, match=r"^--without: there is no person b/nobody$"):
        labelled_sets([tmp_path], ["b/nobody"])
