"""What a worker says of itself and of its limits when it starts."""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.faces.packs.loading import far_table_of
from dataflow.faces.packs.made import OPEN
from dataflow.gallery.limit import FollowingLimit
from dataflow.jobs.errors import ConfigurationError
from dataflow.process.version import VERSION
from dataflow.settings import PREFIX, load_settings
from dataflow.steps.matching import MatchPolicy
from soloface.introduction import address
from soloface.limits import following_limit
from soloface.worker import Worker
from tests.world import World

INTRODUCTION = (
    "worker_starts",
    "no_distance_limit",
    "limits_changed",
    "limit_follows_gallery",
    "limit_is_the_fixed_one",
    "max_fpir_not_kept",
)


def started(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[MutableMapping[str, Any]]:
    """What a worker says when it starts with these settings."""
    for name, value in variables.items():
        monkeypatch.setenv(PREFIX + name, value)
    worker = Worker(load_settings(), threading.Event())
    with closing(worker._database), capture_logs() as logs:
        worker.check()
    # Threads of an earlier test's worker may still have their last word.
    return [line for line in logs if line["event"] in INTRODUCTION]


def test_a_worker_says_what_it_is_what_it_matches_by_and_where_it_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = started(monkeypatch, MATCH__MAX_DISTANCE="0.5", MATCH__MIN_MARGIN="0.02")

    settings = world.settings
    database = urlsplit(settings.database.dsn.get_secret_value())
    assert line == {
        "event": "worker_starts",
        "log_level": "info",
        "version": VERSION,
        "pack": "open",
        "model": world.pack.contract.id,
        "threshold": world.pack.threshold,
        "max_distance": 0.5,
        "min_margin": 0.02,
        "max_fpir": None,
        "gallery_required": False,
        "quality": "off",
        "nats": [urlsplit(settings.nats.url).netloc],
        "stream": settings.nats.stream,
        "durable": settings.nats.durable,
        "store": settings.store.endpoint,
        "postgres": f"{database.hostname}:{database.port}",
    }


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nats://127.0.0.1:4222", "127.0.0.1:4222"),
        ("tls://user:p@ss@nats.example", "nats.example"),
        ("token@nats:4222/?x=secret", "nats:4222"),
        ("https://s3.example:9000", "s3.example:9000"),
        ("[::1]:4222", "[::1]:4222"),
    ],
)
def test_of_a_server_only_host_and_port_are_said(url: str, said: str) -> None:
    assert address(url) == said


@pytest.mark.usefixtures("world")
def test_a_worker_without_a_limit_warns_once_and_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, warning = started(monkeypatch)

    assert (warning["event"], warning["log_level"]) == ("no_distance_limit", "warning")
    assert f"SOLOFACE_MATCH__MAX_DISTANCE={OPEN.threshold:g}," in warning["detail"]


@pytest.mark.usefixtures("world")
def test_a_worker_with_other_limits_than_the_last_one_says_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        assert len(started(monkeypatch, MATCH__MAX_DISTANCE="0.5")) == 1

    _, warning = started(monkeypatch, MATCH__MAX_DISTANCE="0.6")

    assert (warning["event"], warning["log_level"]) == ("limits_changed", "warning")
    unset = {"threshold": OPEN.threshold, "min_margin": None, "max_fpir": None}
    unset["gallery_required"] = False
    assert warning["before"] == {**unset, "max_distance": 0.5}
    assert warning["now"] == {**unset, "max_distance": 0.6}
    _, warning = started(monkeypatch, MATCH__MAX_DISTANCE="0.6", MATCH__GALLERY="required")
    assert warning["now"] == {**unset, "max_distance": 0.6, "gallery_required": True}
    monkeypatch.delenv(f"{PREFIX}MATCH__GALLERY")
    (same,) = started(monkeypatch)
    assert same["gallery_required"]
    _, warning = started(monkeypatch, MATCH__GALLERY="optional")
    assert warning["now"] == {**unset, "max_distance": 0.6}


def test_a_worker_keeps_tenants_apart_as_those_before_unless_it_is_told_otherwise(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(world.settings.database)) as database:
        Limits(database).note("earlier", MatchPolicy(0.5, gallery_required=True))

    (same,) = started(monkeypatch, MATCH__MAX_DISTANCE="0.5")
    with closing(Database(world.settings.database)) as database:
        noted = Limits(database).of(world.pack.contract.id)
        with database.connection() as connection:
            connection.execute("delete from face_match_limits where model <> 'earlier'")
    _, warning = started(monkeypatch, MATCH__GALLERY="optional")

    assert same["gallery_required"]
    assert noted
    assert noted.policy.gallery_required
    assert (warning["event"], warning["log_level"]) == ("limits_changed", "warning")
    assert (warning["before"], warning["now"]) == (
        {"gallery_required": True},
        {"gallery_required": False},
    )
    assert "workers of earlier compared in galleries only" in warning["detail"]
    assert len(started(monkeypatch)) == 1


def test_a_worker_says_what_share_of_strangers_comes_to_for_so_many_users(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, follows = started(monkeypatch, MATCH__MAX_FPIR="0.05")

    assert (starts["max_fpir"], starts["max_distance"]) == (0.05, None)
    assert (follows["event"], follows["max_fpir"]) == ("limit_follows_gallery", 0.05)
    with closing(Database(world.settings.database)) as database:
        noted = Limits(database).of(world.pack.contract.id)
    assert noted
    assert noted.policy.max_distance == follows["max_distance"]
    table = far_table_of(load_settings().model)
    assert table
    assert noted.follows == FollowingLimit.by(table, 0.05)

    both = started(monkeypatch, MATCH__MAX_DISTANCE="0.1")
    assert [line["event"] for line in both if line["event"] not in INTRODUCTION[:3]] == [
        "limit_follows_gallery",
        "limit_is_the_fixed_one",
    ]


@pytest.mark.usefixtures("world")
def test_a_worker_says_when_the_packs_figures_do_not_reach_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    *_, warning = started(monkeypatch, MATCH__MAX_FPIR="0.0000001")

    assert (warning["event"], warning["log_level"]) == ("max_fpir_not_kept", "warning")
    assert "SOLOFACE_MATCH__MIN_MARGIN" in warning["detail"]


def test_a_pack_without_figures_refuses_to_follow_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}MATCH__MAX_FPIR", "0.01")
    monkeypatch.setenv(f"{PREFIX}MODEL__PACK", str(tmp_path))

    with pytest.raises(ConfigurationError) as refused:
        following_limit(load_settings())

    message = str(refused.value)
    assert message.startswith("SOLOFACE_MATCH__MAX_FPIR: no figures come with the pack")
    assert "soloface calibrate" in message
    assert "SOLOFACE_MATCH__MAX_DISTANCE" in message
    assert "\n" not in message
