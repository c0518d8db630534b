"""Whatever is wrong with NATS is one line, in every command that talks to it."""

from __future__ import annotations

import pytest

from connectors.embedded import NatsServer, ObjectServer
from dataflow.settings import PREFIX
from tests.fixtures.configured_nats import Serve
from tests.fixtures.worker import Log, RunWorker, Soloface
from tests.world import World

PHOTO = "11111111-1111-4111-8111-111111111111"
COMMANDS = {
    "doctor": ("doctor",),
    "doctor --fix": ("doctor", "--fix"),
    "watch": ("watch", "--count", 1),
    "publish": ("publish", PHOTO, "a.jpg"),
    "dlq list": ("dlq", "list"),
    "dlq show": ("dlq", "show", 1),
    "dlq replay": ("dlq", "replay", "--all"),
    "dlq purge": ("dlq", "purge", "--all", "--yes"),
    "reconcile": ("reconcile", "--ref-column", "ref", "--publish"),
    "erase": ("erase", "--photo", PHOTO, "--yes"),
}
OF_EACH_KIND = {
    name: COMMANDS[name] for name in ("doctor", "watch", "publish", "dlq list", "erase")
}
"""Those that connect in a way of their own."""


def said(soloface: Soloface, *command: object) -> str:
    """The one line with which a command ends."""
    done = soloface(*command)
    assert done.code == 1
    assert "Traceback" not in done.err + done.out
    if command[0] == "doctor":
        assert done.err == ""
        (line,) = [line for line in done.out.splitlines() if line.startswith("bad  nats")]
        return line
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture(autouse=True)
def with_references(world: World) -> None:
    with world.database() as connection:
        connection.execute("alter table photos add column ref text, add column at timestamptz")
        connection.execute("alter table photos add column if not exists created_at timestamptz")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("USER", "PASSWORD"):
        monkeypatch.delenv(f"{PREFIX}NATS__{name}")
    return monkeypatch


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_server_without_jetstream_is_said_to_be_one(
    serve: Serve, elsewhere: pytest.MonkeyPatch, soloface: Soloface, command: tuple[object, ...]
) -> None:
    elsewhere.setenv(f"{PREFIX}NATS__URL", f"nats://{serve('')}")

    line = said(soloface, *command)

    assert "JetStream is not enabled" in line
    assert "code=None" not in line


def test_a_worker_says_so_too(
    serve: Serve, elsewhere: pytest.MonkeyPatch, run_worker: RunWorker, log: Log
) -> None:
    elsewhere.setenv(f"{PREFIX}NATS__URL", f"nats://{serve('')}")

    assert run_worker().ended(60) == 1
    (line,) = log.text.splitlines()
    assert line.startswith("soloface cannot start: JetStream is not enabled")


def test_an_account_without_jetstream_is_named_as_such(
    serve: Serve, elsewhere: pytest.MonkeyPatch, soloface: Soloface, tmp_path: object
) -> None:
    where = serve(
        f'jetstream {{ store_dir: "{tmp_path}" }}\n'
        "accounts { A: { users: [ { user: u, password: p } ] }, SYS: { users: [ { user: s } ] } }\n"
        "system_account: SYS\nno_auth_user: u"
    )
    elsewhere.setenv(f"{PREFIX}NATS__URL", f"nats://{where}")

    assert "JetStream is not enabled" in said(soloface, "watch", "--count", 1)


@pytest.mark.parametrize("command", OF_EACH_KIND.values(), ids=OF_EACH_KIND)
def test_a_wrong_address_or_login_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    soloface: Soloface,
    nats_server: NatsServer,
    object_server: ObjectServer,
    command: tuple[object, ...],
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(f"{PREFIX}NATS__PASSWORD", "s3cret")
        line = said(soloface, *command)
        assert "NATS refuses the credentials" in line
        assert "s3cret" not in line
    wrong = {
        "nats://127.0.0.1:1": "NATS does not answer",
        f"nats://{object_server.endpoint}": "NATS",
        f"tls://127.0.0.1:{nats_server.port}": "NATS offers no TLS",
    }
    # Doctor examines all the rest each time.
    some = list(wrong.items())[: 1 if command[0] == "doctor" else None]
    for url, words in some:
        with monkeypatch.context() as patch:
            patch.setenv(f"{PREFIX}NATS__URL", url)
            line = said(soloface, *command)
            assert words in line
            assert "SOLOFACE_NATS__URL" in line


@pytest.mark.parametrize(
    "url", ["nats://127.0.0.1:99999", "nats://", "nats://a:b:c", "nats://[::1", "", "nats://x:0"]
)
def test_an_address_that_is_none_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, soloface: Soloface, url: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}NATS__URL", url)

    for command in OF_EACH_KIND.values():
        done = soloface(*command)
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert "SOLOFACE_NATS" in done.err
