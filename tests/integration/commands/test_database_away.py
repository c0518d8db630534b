"""A database that cannot be reached or refuses us: one line from every command."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from connectors.embedded import PostgresServer
from dataflow.settings import PREFIX
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Soloface
from tests.world import World

SECRET = "s3cret-of-the-dsn"

COMMANDS = [
    ["migrate"],
    ["enroll", "{id}", "{photo}"],
    ["reembed", "--to", "open"],
    ["reconcile", "--ref-column", "ref"],
    ["publish", "--upload", "{photo}"],
    ["calibrate", "--enrolled"],
    ["erase", "--user", "{id}", "--yes"],
    ["retention", "--unmatched-after", "30"],
    ["match", "reject", "{id}", "{id}"],
    ["match", "confirm", "{id}", "{id}"],
    ["gallery", "status"],
    ["gallery", "index"],
]


def dsns(port: int) -> dict[str, tuple[str, str]]:
    """DSNs that lead nowhere, and what is said of each."""
    login = f"postgresql://soloface:{SECRET}"
    return {
        "wrong password": (f"{login}@127.0.0.1:{port}/soloface", "password authentication failed"),
        "no such login": (
            f"postgresql://nobody:{SECRET}@127.0.0.1:{port}/soloface",
            "authentication failed",
        ),
        "no server": (f"{login}@127.0.0.1:1/soloface", "Connection refused"),
        "no host": (f"{login}@nowhere.invalid/soloface", "nowhere.invalid"),
        "no host can": (f"{login}@{'a' * 70}.com/soloface", "no host can have that name"),
        "port": (f"{login}@127.0.0.1:99999/soloface", "invalid port number"),
        "two ports": (f"{login}@127.0.0.1:1,127.0.0.1:2/soloface", "Connection refused"),
        "text": (f"{SECRET} and more", "SOLOFACE_DATABASE__DSN cannot be read"),
        "socket": (f"postgresql:///x?host=/nowhere&password={SECRET}", "/nowhere"),
        "ssl": (f"{login}@127.0.0.1:{port}/soloface?sslmode=verify-full", "SSL"),
        "service": (f"service=nothing password={SECRET}", "nothing"),
    }


def line_of(soloface: Soloface, world: World, command: list[str], photo: Path) -> str:
    """The one line with which a command fails."""
    values = {"id": uuid4(), "photo": photo}
    done = soloface(*(part.format(**values) for part in command))
    assert done.code == 1, (command, done)
    assert SECRET not in done.out + done.err
    lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, (command, done)
    assert "Traceback" not in done.err
    assert world.settings.nats.password.get_secret_value() not in done.err  # type: ignore[union-attr]
    return lines[0]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(ENROLLED[0].portrait()))
    return path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_says_in_one_line_why_the_database_cannot_be_used(  # noqa: PLR0913, PLR0917
    world: World,
    soloface: Soloface,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    picture: Path,
    command: list[str],
) -> None:
    for dsn, words in dsns(postgres_server.port).values():
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", dsn)
        assert words in line_of(soloface, world, command, picture)


@pytest.mark.parametrize("case", dsns(0))
def test_doctor_says_it_and_goes_on_with_the_rest(
    world: World,
    soloface: Soloface,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    dsn, words = dsns(postgres_server.port)[case]
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", dsn)

    done = soloface("doctor", "--json")

    found = {finding["name"]: finding for finding in done.json}
    assert SECRET not in done.out + done.err
    assert words in found["postgres"]["detail"]
    assert "\n" not in found["postgres"]["detail"]
    assert found["object store"]["healthy"]
    assert world.settings.database.pooler == "none"


def test_a_database_that_is_missing_or_full_is_named(
    world: World, soloface: Soloface, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = world.settings.database.dsn.get_secret_value()
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", f"{dsn.rpartition('/')[0]}/not_there")
    assert 'database "not_there" does not exist' in line_of(soloface, world, ["migrate"], picture)

    name = sql.Identifier(login := f"crowded_{uuid4().hex[:12]}")
    with world.database() as connection:
        connection.execute(
            sql.SQL("create role {} login password 'pw' connection limit 1").format(name)
        )
        try:
            there = dsn.partition("@")[2]
            crowded = f"postgresql://{login}:pw@{there}"
            with psycopg.connect(crowded):
                monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", crowded)
                line = line_of(soloface, world, ["gallery", "status"], picture)
                assert f'too many connections for role "{login}"' in line
        finally:
            connection.execute(sql.SQL("drop role {}").format(name))


def test_a_login_that_pg_hba_refuses_is_named(
    soloface: Soloface, monkeypatch: pytest.MonkeyPatch, world: World, picture: Path
) -> None:
    with PostgresServer() as server:
        hba = server.directory / "data" / "pg_hba.conf"
        hba.write_text("host all soloface 127.0.0.1/32 reject\n" + hba.read_text())
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("select pg_reload_conf()")
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", server.dsn)

        for command in (["migrate"], ["gallery", "status"]):
            line = line_of(soloface, world, command, picture)
            assert "pg_hba.conf" in line
            assert "SOLOFACE_DATABASE__DSN" in line
            assert server.password not in line
