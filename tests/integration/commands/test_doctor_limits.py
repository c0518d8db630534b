"""`soloface doctor`: the limits that workers match by, and the one that follows the gallery."""

from __future__ import annotations

from contextlib import closing

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.gallery.limit import FollowingLimit
from dataflow.settings import PREFIX
from dataflow.steps.matching import MatchPolicy
from tests.fixtures.worker import Soloface
from tests.world import World


def test_limits_that_are_not_the_workers_are_a_warning(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(0.55, max_distance=0.55)
        Limits(database).note(world.pack.contract.id, policy)
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_DISTANCE", "0.55")
    found = soloface("doctor", "--json").json
    assert [f for f in found if f["warning"] and f["name"] == "gallery"] == []
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_DISTANCE", "0.7")

    done = soloface("doctor", "--json")

    assert done.code == 0
    (warning,) = [f for f in done.json if f["warning"] and f["name"] == "gallery"]
    assert "this environment has max_distance 0.7, no min_margin" in warning["detail"]
    assert "matches with max_distance 0.55, no min_margin" in warning["detail"]


@pytest.mark.parametrize(("lowest_far", "warns"), [(1e-6, False), (0.5, True)])
def test_the_limit_that_the_gallery_comes_to_is_said(
    world: World,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
    lowest_far: float,
    *,
    warns: bool,
) -> None:
    with closing(Database(world.settings.database)) as database:
        follows = FollowingLimit(0.01, lowest_far, (0.3, 0.25, 0.125))
        Limits(database).note(world.pack.contract.id, MatchPolicy(0.55), follows)
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_FPIR", "0.01")

    found = [f for f in soloface("doctor", "--json").json if f["name"] == "gallery"]

    limit = found[0]
    assert limit["detail"].startswith("workers match up to distance 0.300, for up to 1 user")
    assert "max_fpir 0.01 takes a false accept rate of 0.01" in limit["detail"]
    assert limit["warning"] == warns
    assert not any(finding["warning"] for finding in found[1:])


def limits(soloface: Soloface) -> list[tuple[str, bool]]:
    """What doctor says of limits, and whether as a warning."""
    found = [f for f in soloface("doctor", "--json").json if f["name"] == "gallery"]
    return [(f["detail"], f["warning"]) for f in found if "up to distance" in f["detail"]]


def test_the_limits_of_the_largest_galleries_are_said_too(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_FPIR", "0.01")
    model = world.pack.contract.id
    with world.database() as connection:
        connection.execute(
            "insert into users (id, face_embedding_model) "
            "select gen_random_uuid(), %s from generate_series(1, 9)",
            [model],
        )
        connection.execute(
            "insert into face_gallery_members (gallery, user_id) "
            "select 'g' || size, id from generate_series(1, 7) as size "
            "join (select id, row_number() over () as place from users) as u on place <= size"
        )
        connection.execute(
            "insert into face_gallery_limits values (%(m)s, 'g7', 8), (%(m)s, 'g6', 4)",
            {"m": model},
        )
    expected = limits(soloface)
    with closing(Database(world.settings.database)) as database:
        follows = FollowingLimit(0.01, 1e-6, (0.3, 0.25, 0.2, 0.125))
        Limits(database).note(model, MatchPolicy(0.55), follows)
    noted = limits(soloface)
    with closing(Database(world.settings.database)) as database:
        follows = FollowingLimit(0.01, 0.002, (0.3, 0.25, 0.2, 0.125))
        Limits(database).note(model, MatchPolicy(0.55, 0.22, gallery_required=True), follows)
    required = limits(soloface)
    monkeypatch.setenv(f"{PREFIX}MATCH__GALLERY", "optional")
    (warning,) = [one for one in soloface("doctor").out.splitlines() if "MATCH__GALLERY" in one]

    assert "this environment has SOLOFACE_MATCH__GALLERY=optional" in warning
    (everybody, _), (inside, _) = expected
    assert everybody.startswith("no worker has noted its limit here yet; one of this environment ")
    assert "for up to 1 user" in everybody
    assert inside.startswith("in galleries, up to distance: g7 0.")
    assert "(for up to 8 members), g6" in inside
    assert inside.endswith(" and 2 more")
    assert [warning for _, warning in (*expected, *noted)] == [False] * 4
    assert noted[0][0].startswith("workers match up to distance 0.300, for up to 1 user")
    assert noted[1][0] == (
        "in galleries, up to distance: g7 0.125 (for up to 8 members), "
        "g6 0.200 (for up to 4 members), g5 0.300 (for up to 1 member), "
        "g4 0.300 (for up to 1 member), g3 0.300 (for up to 1 member) and 2 more"
    )
    ((detail, warns),) = required
    assert detail.startswith(
        "in galleries, up to distance: g7 0.125 (for up to 8 members), g6 0.200"
    )
    assert "g5 0.220" in detail
    assert (warns, "cannot be kept in g7" in detail) == (True, True)
