"""`soloface up`, as another process sees it."""

from __future__ import annotations

import asyncio
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

from dataflow.settings import PREFIX, NatsSettings
from tests.places import REPOSITORY

PROGRAM = "import typer; from soloface.cli.up import up; typer.run(up)"
LINES = 9


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`soloface up` and the environment that a shell gets out of what it printed."""
    command = [sys.executable, "-c", PROGRAM, "--directory", str(folder / "data")]
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
        printed, said = process.communicate(timeout=20)

    assert tables == (True,)
    assert len(variables) == LINES
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
        process.communicate(timeout=20)
    with running(open_folder) as (process, after):
        with psycopg.connect(after[f"{PREFIX}DATABASE__DSN"]) as connection:
            assert connection.execute("select * from kept").fetchone() == (1,)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    assert after == before


def test_up_says_when_a_server_ends(open_folder: Path) -> None:
    with running(open_folder) as (process, _):
        postmaster = (open_folder / "data" / "postgres" / "data" / "postmaster.pid").read_text()
        os.kill(int(postmaster.split()[0]), signal.SIGKILL)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "PostgreSQL ended unexpectedly" in " ".join(said.split())
