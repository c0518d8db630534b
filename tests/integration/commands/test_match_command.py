"""`soloface match`: what a person says of a photo, at the command line."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID, uuid4

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from connectors.postgres.photos.recorder import Recorder
from dataflow.jobs.job import parse_job
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.builders import delivery
from tests.fixtures.recording import ONCE
from tests.fixtures.worker import Soloface
from tests.world import World

ANA, BEA = ENROLLED[:2]


def matched_photo(world: World) -> UUID:
    """A photo of Ana, recorded as the worker does."""
    image = jpeg(ANA.portrait())
    photo = world.photo(image)
    face = Recognised(delivery(), parse_job(photo.job()), world.recognise(image))
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(world.pack.threshold)
        Recorder(database, ONCE, policy, world.pack.contract.id).record([face])
    return photo.id


def test_a_rejection_and_a_confirmation_are_told_and_stored(
    world: World, soloface: Soloface
) -> None:
    users = world.enrol(ANA, BEA)
    photo_id = matched_photo(world)

    rejected = soloface("match", "reject", photo_id, users[ANA.name], "--by", "Olga", "--json")

    assert rejected.code == 0
    answer = rejected.json
    assert (answer["matched_before"], answer["matched_now"]) == (
        str(users[ANA.name]),
        str(users[BEA.name]),
    )
    assert (answer["reason"], answer["distance"] > world.pack.threshold) == ("matched", True)
    confirmed = soloface("match", "confirm", photo_id, users[ANA.name])
    assert f"the photo is matched with {users[ANA.name]}, at distance 0.0000" in confirmed.out
    assert world.rows("face_matches")[photo_id]["user_id"] == users[ANA.name]
    row = world.rows("photo_faces")[photo_id]
    assert row["quality"]["eye_distance_px"] > 30
    assert row["image_ref"].startswith("photos/")


def test_the_limits_of_the_workers_count_and_not_those_of_whoever_decides(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = world.enrol(ANA, BEA)
    photo_id = matched_photo(world)
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(0.5, max_distance=0.5)
        assert Limits(database).note(world.pack.contract.id, policy) is None
    monkeypatch.setenv("SOLOFACE_MATCH__MAX_DISTANCE", "2")
    # The pack is where the workers are.
    monkeypatch.setenv("SOLOFACE_MODEL__ROOT", "/nowhere")

    rejected = soloface("match", "reject", photo_id, users[ANA.name], "--json")

    assert (rejected.code, rejected.err) == (0, "")
    assert rejected.json["limits"] == {"max_distance": 0.5, "min_margin": None}
    assert (rejected.json["matched_now"], rejected.json["reason"]) == (
        None,
        "no_user_within_distance",
    )


def test_before_any_worker_has_started_the_environment_counts_and_that_is_said(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = world.enrol(ANA, BEA)
    photo_id = matched_photo(world)
    monkeypatch.setenv("SOLOFACE_MATCH__MAX_DISTANCE", "0.4")

    rejected = soloface("match", "reject", photo_id, users[ANA.name], "--json")

    assert rejected.json["limits"]["max_distance"] == 0.4
    assert rejected.json["reason"] == "no_user_within_distance"
    assert "no worker has noted its limits" in rejected.err
    assert rejected.err.count("\n") == 1


def test_an_unknown_photo_is_an_error_in_one_line(world: World, soloface: Soloface) -> None:
    users = world.enrol(ANA)
    unknown = uuid4()

    done = soloface("match", "confirm", unknown, users[ANA.name])

    assert done.code == 1
    assert done.err.endswith(f"error: there is no photo {unknown}\n")
