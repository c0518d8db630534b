"""What is expected to go wrong is one line and exit code 1, whatever the command."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from dataflow.settings import PREFIX
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.configured_nats import Serve
from tests.fixtures.worker import Done, MakeWorld, Soloface

SOMEBODY = str(UUID(int=1))
PHOTO = "<photo>"

COMMANDS = {
    "NATS": [
        ["publish", SOMEBODY, "a.jpg"],
        ["publish", "--upload", PHOTO],
        ["watch", "--count", "1"],
        ["watch", "--count", "1", "--json"],
        ["erase", "--user", SOMEBODY, "--yes"],
        ["dlq", "list"],
        ["dlq", "show", "1"],
        ["dlq", "replay", "--all"],
        ["dlq", "purge", "--all", "--yes"],
        ["doctor"],
    ],
    "DATABASE": [
        ["migrate"],
        ["publish", "--upload", PHOTO],
        ["enroll", SOMEBODY, PHOTO],
        ["reembed", "--to", "open"],
        ["reconcile", "--ref-column", "id"],
        ["calibrate", "--enrolled"],
        ["erase", "--user", SOMEBODY, "--yes"],
        ["retention", "--unmatched-after", "1"],
        ["match", "confirm", SOMEBODY, SOMEBODY],
        ["match", "reject", SOMEBODY, SOMEBODY],
        ["gallery", "status"],
        ["gallery", "index"],
        ["doctor"],
    ],
    "STORE": [
        ["publish", "--upload", PHOTO],
        ["enroll", "--prefix", "people/"],
        ["enroll", SOMEBODY, PHOTO, "--keep-photos"],
        ["erase", "--user", SOMEBODY, "--yes"],
        ["doctor"],
    ],
}
ADDRESSES = {
    "NATS": ("NATS__URL", "nats://127.0.0.1:{port}", "nats://no-such-host.invalid"),
    "DATABASE": (
        "DATABASE__DSN",
        "postgresql://soloface@127.0.0.1:{port}/soloface",
        "postgresql://soloface@no-such-host.invalid/soloface",
    ),
    "STORE": ("STORE__ENDPOINT", "127.0.0.1:{port}", "no-such-host.invalid:9000"),
}
CASES = [
    pytest.param(dependency, command, id=f"{dependency} {' '.join(command[:2])}")
    for dependency, commands in COMMANDS.items()
    for command in commands
]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(ENROLLED[0].portrait()))
    return path


def filled(command: list[str], photo: Path) -> list[str]:
    return [str(photo) if part == PHOTO else part for part in command]


def assert_one_line(done: Done, *, of_doctor: bool) -> None:
    """A refusal is one line on standard error; doctor says all that it found on the other one."""
    assert done.code == 1
    if of_doctor and not done.err:
        assert "bad" in done.out
    else:
        (line,) = done.err.splitlines()
        assert line.startswith("error: ")
        assert len(line) < 500


@pytest.mark.parametrize("port", ["1", "99999"])
@pytest.mark.parametrize(("dependency", "command"), CASES)
@pytest.mark.usefixtures("world")
def test_a_wrong_address_is_one_line(  # noqa: PLR0913, PLR0917 - fixtures and a table
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
    photo: Path,
    dependency: str,
    command: list[str],
    port: str,
) -> None:
    variable, address, _ = ADDRESSES[dependency]
    monkeypatch.setenv(PREFIX + variable, address.format(port=port))

    done = soloface(*filled(command, photo))

    assert_one_line(done, of_doctor=command == ["doctor"])


@pytest.mark.parametrize("dependency", list(ADDRESSES))
@pytest.mark.usefixtures("world")
def test_a_host_that_is_not_there_is_one_line(
    soloface: Soloface, monkeypatch: pytest.MonkeyPatch, photo: Path, dependency: str
) -> None:
    variable, _, address = ADDRESSES[dependency]
    monkeypatch.setenv(PREFIX + variable, address)

    assert_one_line(soloface("publish", "--upload", photo), of_doctor=False)


@pytest.mark.parametrize("command", COMMANDS["NATS"], ids=lambda command: " ".join(command[:2]))
@pytest.mark.usefixtures("world")
def test_a_server_without_jetstream_is_one_line(
    soloface: Soloface,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    photo: Path,
    command: list[str],
) -> None:
    monkeypatch.setenv(f"{PREFIX}NATS__URL", f"nats://{serve('')}")
    for login in ("USER", "PASSWORD"):
        monkeypatch.delenv(f"{PREFIX}NATS__{login}")

    done = soloface(*filled(command, photo))

    assert_one_line(done, of_doctor=command == ["doctor"])


@pytest.mark.parametrize("command", COMMANDS["DATABASE"], ids=lambda command: " ".join(command[:2]))
def test_a_database_without_tables_is_one_line(
    make_world: MakeWorld, soloface: Soloface, photo: Path, command: list[str]
) -> None:
    if command == ["migrate"]:
        return
    make_world(migrated=False)

    done = soloface(*filled(command, photo))

    assert_one_line(done, of_doctor=command == ["doctor"])


@pytest.mark.usefixtures("world")
def test_a_login_that_the_store_refuses_is_one_line(
    soloface: Soloface, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    monkeypatch.setenv(f"{PREFIX}STORE__SECRET_KEY", "wrong-wrong-wrong")

    for command in COMMANDS["STORE"]:
        assert_one_line(soloface(*filled(command, photo)), of_doctor=command == ["doctor"])
