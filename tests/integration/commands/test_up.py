"""`soloface up`, as another process sees it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
import psycopg
import pytest

from dataflow.faces.packs.catalog import PUBLISHED, published_threshold
from dataflow.faces.packs.made import OPEN
from dataflow.settings import PREFIX, NatsSettings, load_settings
from soloface.cli.up import _choices
from tests.fixtures.environment import Environment
from tests.patience import PATIENCE_S
from tests.places import REPOSITORY

COMMENTS = 2
VARIABLES = 10
LINES = COMMENTS + VARIABLES


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`soloface up` and the environment that a shell gets out of what it printed."""
    command = [sys.executable, "-m", "soloface", "up", "--directory", str(folder / "data")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    with subprocess.Popen(
        [*command, "--env-file", str(folder / "dev.env")],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(REPOSITORY), f"{PREFIX}MODEL__PACK": "open"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, sourced("".join(process.stdout.readline() for _ in range(LINES)))
        finally:
            process.kill()


def sourced(script: str) -> dict[str, str]:
    done = subprocess.run(
        ["/bin/sh", "-euc", f"{script}\nenv"], env={}, capture_output=True, text=True, check=True
    )
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs if name.startswith(PREFIX)}


def test_up_tells_a_program_the_same_as_a_shell(open_folder: Path) -> None:
    command = [sys.executable, "-m", "soloface", "up", "--json", "--env-file", "dev.env"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    with subprocess.Popen(
        command,
        cwd=open_folder,
        env=environment | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            document = "".join(iter(process.stdout.readline, "}\n")) + "}"
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()

    assert json.loads(document) == sourced((open_folder / "dev.env").read_text())


def jobs_can_be_published(variables: dict[str, str]) -> bool:
    """Whether a platform's first message is stored before any worker has run."""

    async def send() -> int:
        login = (variables[f"{PREFIX}NATS__{name}"] for name in ("URL", "USER", "PASSWORD"))
        url, user, password = login
        connection = await nats.connect(url, user=user, password=password)
        stored = await connection.jetstream().publish(NatsSettings().subject, b"{}")
        await connection.close()
        return stored.seq

    return asyncio.run(send()) == 1


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_until_it_is_told_to_stop(open_folder: Path, stop: signal.Signals) -> None:
    with running(open_folder) as (process, variables):
        with psycopg.connect(variables[f"{PREFIX}DATABASE__DSN"]) as connection:
            tables = connection.execute("select to_regclass('face_matches') is not null").fetchone()
        assert sourced((open_folder / "dev.env").read_text()) == variables
        assert jobs_can_be_published(variables)
        process.send_signal(stop)
        printed, said = process.communicate(timeout=PATIENCE_S)

    assert tables == (True,)
    assert len(variables) == VARIABLES
    assert float(variables[f"{PREFIX}MATCH__MAX_DISTANCE"]) == OPEN.threshold
    assert (open_folder / "dev.env").read_text().count("# ") == COMMENTS
    assert printed == ""
    assert "The data are still there" in said
    assert process.returncode == 0
    assert (open_folder / "dev.env").stat().st_mode & 0o777 == 0o600
    assert (open_folder / "data" / ".gitignore").read_text() == "*\n"
    assert (open_folder / "data" / "objects" / "data" / "images").is_dir()


def test_up_keeps_addresses_and_data(open_folder: Path) -> None:
    with running(open_folder) as (process, before):
        with psycopg.connect(before[f"{PREFIX}DATABASE__DSN"]) as connection:
            connection.execute("create table kept as select 1")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    with running(open_folder) as (process, after):
        with psycopg.connect(after[f"{PREFIX}DATABASE__DSN"]) as connection:
            assert connection.execute("select * from kept").fetchone() == (1,)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)

    assert after == before


def test_up_says_when_a_server_ends(open_folder: Path) -> None:
    with running(open_folder) as (process, _):
        postmaster = (open_folder / "data" / "postgres" / "data" / "postmaster.pid").read_text()
        os.kill(int(postmaster.split()[0]), signal.SIGKILL)
        _, said = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    assert "PostgreSQL ended unexpectedly" in " ".join(said.split())


@pytest.mark.parametrize("pack", ["open", "buffalo_l", "buffalo_s", "/a/folder"])
def test_up_limits_the_distance_to_the_packs_threshold(pack: str, environment: Environment) -> None:
    environment(MODEL__PACK=pack)
    choices = _choices(load_settings())

    assert choices[f"{PREFIX}MODEL__PACK"] == pack
    limit = float(choices[f"{PREFIX}MATCH__MAX_DISTANCE"])
    assert limit == pytest.approx(published_threshold(pack), abs=1e-4)
    assert pack not in PUBLISHED or limit == pytest.approx(PUBLISHED[pack].threshold, abs=1e-4)


def test_up_keeps_a_limit_that_was_set(environment: Environment) -> None:
    environment(MATCH__MAX_DISTANCE="0.4")

    assert _choices(load_settings())[f"{PREFIX}MATCH__MAX_DISTANCE"] == "0.4"
    environment(MATCH__MAX_DISTANCE="0")
    assert _choices(load_settings())[f"{PREFIX}MATCH__MAX_DISTANCE"] == "0.0"


def test_whoever_says_what_they_can_bear_gets_no_distance(environment: Environment) -> None:
    environment(MATCH__MAX_FPIR="0.01")
    choices = _choices(load_settings())
    assert choices[f"{PREFIX}MATCH__MAX_FPIR"] == "0.01"
    assert f"{PREFIX}MATCH__MAX_DISTANCE" not in choices
