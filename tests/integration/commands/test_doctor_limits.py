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
