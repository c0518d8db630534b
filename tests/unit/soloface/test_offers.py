"""Whom to enrol by a tree of galleries, in a folder or in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from dataflow.gallery.enrolment import Offer
from dataflow.jobs.errors import ConfigurationError
from soloface.cli.enroll.offers import from_galleries, from_objects_in_galleries

ANA, BEA = UUID(int=1), UUID(int=2)
NAMES = {"ana": ANA, "bea": BEA}
TREE = ("hall/ana/1.jpg", "school/ana/1.jpg", "school/ana/2.jpg", "school/bea/1.jpg")
BESIDE = ("list.txt", "hall/list.txt", ".trash/ana/1.jpg", "hall/ana/.hidden.jpg")

Read = Callable[[Sequence[str], Mapping[str, UUID] | None], list[Offer]]


@pytest.fixture(params=["folder", "objects"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Reads a tree of such files, on disk or as objects."""

    def of_folder(files: Sequence[str], users: Mapping[str, UUID] | None) -> list[Offer]:
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch()
        return from_galleries(tmp_path, users)

    def of_objects(files: Sequence[str], users: Mapping[str, UUID] | None) -> list[Offer]:
        return from_objects_in_galleries([(file, file) for file in files], "tree/", users)

    return of_folder if request.param == "folder" else of_objects


def shown(offers: Sequence[Offer]) -> dict[UUID, tuple[tuple[str, ...], list[str]]]:
    """The galleries of each, and the names of the photos."""
    return {
        offer.user_id: (offer.galleries, ["/".join(Path(p).parts[-3:]) for p in offer.photos])
        for offer in offers
    }


def test_a_user_has_the_photos_and_the_galleries_of_all_places(read: Read) -> None:
    assert shown(read([*TREE, *BESIDE], NAMES)) == {
        ANA: (("hall", "school"), [file for file in TREE if "ana" in file]),
        BEA: (("school",), ["school/bea/1.jpg"]),
    }


def test_without_a_table_a_folders_name_is_the_users_id(read: Read) -> None:
    offers = read([f"hall/{ANA}/1.jpg", f"school/{BEA}/1.jpg"], None)
    assert [(offer.user_id, offer.galleries) for offer in offers] == [
        (ANA, ("hall",)),
        (BEA, ("school",)),
    ]


@pytest.mark.parametrize(
    ("files", "users", "says"),
    [
        (TREE, None, "ana is not the id of a user"),
        (TREE, {"ana": ANA}, "does not name the folder bea"),
        (TREE, {**NAMES, "cleo": ANA}, "there is no folder cleo, which --users names"),
        (("two words/ana/1.jpg",), {"ana": ANA}, "the name of a gallery must be"),
        ((*TREE, "club/list.txt"), NAMES, "there are no photos of users, as USER/photo"),
        (("list.txt",), None, "there are no photos, as GALLERY/USER/photo"),
    ],
)
def test_a_slip_is_named_and_enrols_nobody(
    read: Read, files: Sequence[str], users: Mapping[str, UUID] | None, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        read(files, users)
