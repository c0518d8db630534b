"""`soloface serve` as a process, and `soloface token`."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import urllib3

from dataflow.settings import PREFIX
from soloface.client import Client
from soloface.web.gate.tokens import hash_of, read_tokens
from tests.dashboard import panels
from tests.dashboard_picture import Window
from tests.fixtures.prometheus import StartPrometheus, free_port
from tests.fixtures.worker import MakeWorld, Soloface
from tests.patience import PATIENCE_S
from tests.places import REPOSITORY
from tests.world import World, eventually


@pytest.fixture
def served(
    make_world: MakeWorld, metrics_port: int
) -> Iterator[tuple[World, subprocess.Popen[str], str]]:
    """A process of its own, and where it is reached."""
    world = make_world(WEB__PORT="0", METRICS_PORT=str(metrics_port))
    process = subprocess.Popen(
        [sys.executable, "-m", "soloface", "serve"],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            entry = orjson.loads(line) if line.startswith("{") else {}
            if entry.get("event") == "web_listening":
                yield world, process, entry["url"]
                break
        else:
            raise AssertionError("".join(said))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def metrics_port() -> int:
    return free_port()


def test_it_serves_until_it_is_told_to_end(
    served: tuple[World, subprocess.Popen[str], str], metrics_port: int
) -> None:
    world, process, url = served
    photo = world.photo()
    with Client(url, timeout_s=PATIENCE_S) as client:
        assert client.review().cards == []
        assert client.photo(photo.id).outcome is None
    probes = f"http://127.0.0.1:{metrics_port}"
    eventually(lambda: urllib3.request("GET", f"{probes}/readyz").status == 200, "it is ready")
    assert urllib3.request("GET", f"{probes}/livez").status == 200
    metrics = urllib3.request("GET", f"{probes}/metrics").data.decode()
    counted = 'soloface_web_requests_total{method="GET",route="/v1/review",status="200"} 1.0'
    assert counted in metrics

    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE_S) == 0


def test_each_panel_about_it_has_data(
    served: tuple[World, subprocess.Popen[str], str],
    metrics_port: int,
    prometheus: StartPrometheus,
) -> None:
    _, _, url = served
    began = time.time()
    queries = [query for panel in panels() for query in panel.queries if query.is_of_web]
    server = prometheus(metrics_port)

    def have_data() -> bool:
        client.review()  # a rate takes two scrapes, and something between them
        seen = Window(server, began, time.time())
        return all(
            any(value > 0 for series in seen.ask(query) for value in series.values)
            for query in queries
        )

    with Client(url, timeout_s=PATIENCE_S) as client:
        assert queries
        eventually(have_data, "the panels have data")


@pytest.mark.usefixtures("world")
def test_what_keeps_it_from_starting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, soloface: Soloface, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name, value, said in (
            ("WEB__HOST", "0.0.0.0", "SOLOFACE_WEB__TOKENS"),  # noqa: S104 - the point
            ("WEB__PORT", str(port), f"SOLOFACE_WEB__PORT {port}"),
            ("WEB__TOKENS", str(tmp_path / "none"), "cannot be read"),
            ("MODEL__ROOT", str(tmp_path), "soloface models install open"),
        ):
            with monkeypatch.context() as patched:
                patched.setenv(PREFIX + name, value)
                done = soloface("serve")
            assert (done.code, done.err.count("\n")) == (1, 1), done.err
            assert said in done.err


def test_a_token_is_shown_once_and_its_line_holds_a_hash(
    soloface: Soloface, tmp_path: Path
) -> None:
    done = soloface("token", "olga", "--role", "reviewer", "--role", "finder")

    assert done.code == 0
    token = done.err.rpartition(" ")[2].strip()
    assert token.startswith("sf_")
    assert token not in done.out
    file = tmp_path / "tokens"
    file.write_text(done.out)
    (known,) = read_tokens(file)
    assert (known.name, sorted(known.roles), known.sha256) == (
        "olga",
        ["finder", "reviewer"],
        hash_of(token),
    )
    told = soloface("token", "otto", "--json").json
    assert told["line"] == f"otto:reviewer:{hash_of(told['token'])}"
    assert soloface("token", "a b").code == 1
    assert soloface("token", "olga", "--role", "king").code == 2
