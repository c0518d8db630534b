"""What `soloface erase` and `soloface retention` ask, and whom they name."""

from __future__ import annotations

from uuid import UUID

import pytest

from soloface.cli.demo.people import ENROLLED
from tests.fixtures.terminal import Typed
from tests.fixtures.worker import Soloface
from tests.world import World

EVERYTHING = ("retention", "--unmatched-after", 0)


def test_who_asked_for_it_is_in_what_is_printed(world: World, soloface: Soloface) -> None:
    ana, bea = world.enrol(*ENROLLED[:2]).values()

    told = soloface("erase", "--user", ana, "--yes", "--json", "--by", "Olga").json
    said = soloface("erase", "--user", bea, "--yes", "--by", "Olga").out

    assert (told["user"], told["by"]) == (str(ana), "Olga")
    assert said.splitlines()[-1] == "asked for by Olga"


def test_a_photo_that_is_listed_and_of_which_nothing_is_known_is_no_failure(
    world: World, soloface: Soloface
) -> None:
    done = soloface("erase", "--photo", world.photo().id, "--yes", "--json")

    assert done.code == 0
    assert not any(done.json["erased"].values())


@pytest.fixture
def unmatched(world: World) -> UUID:
    """A photo whose face nobody was found for."""
    photo = world.photo()
    with world.database() as connection:
        connection.execute(
            "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
            "values (%s, 0, array_fill(0.1, array[128])::vector, '{}', 'm', 1)",
            [photo.id],
        )
    return photo.id


def faces(world: World) -> set[UUID]:
    return set(world.rows("photo_faces"))


def test_where_nobody_can_be_asked_not_all_unmatched_faces_are_dropped(
    world: World, soloface: Soloface, unmatched: UUID
) -> None:
    done = soloface(*EVERYTHING)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "--yes" in done.err
    assert faces(world) == {unmatched}


def test_all_unmatched_faces_are_dropped_only_after_a_yes(
    world: World, soloface: Soloface, unmatched: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Typed("n\ny\n"))

    refused = soloface(*EVERYTHING)
    assert refused.code == 1
    assert "Drop 1 face that matched nobody" in refused.err
    assert faces(world) == {unmatched}
    agreed = soloface(*EVERYTHING)
    assert (agreed.code, agreed.out.strip()) == (0, "dropped 1 face older than 0 days")
    assert faces(world) == set()


@pytest.mark.usefixtures("unmatched")
def test_a_script_says_yes_and_a_rehearsal_asks_nothing(world: World, soloface: Soloface) -> None:
    assert soloface(*EVERYTHING, "--dry-run").out == "would drop 1 face older than 0 days\n"
    assert soloface(*EVERYTHING, "--yes").code == 0
    assert faces(world) == set()
