"""deploy/k8s: valid by Kubernetes' own schemas, and in step with the worker's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from dataflow.settings import PREFIX, Settings, load_settings
from tests.fixtures.environment import Environment
from tests.fixtures.kubernetes import (
    FOLDER,
    NOT_KUBERNETES_OWN,
    Manifest,
    base,
    container,
    everything,
    keda,
    pods,
)
from tests.places import REPOSITORY
from tests.unit.repository.test_compose import WORKER_COMMAND

VERSIONS = ["1.29", "1.33", "1.37"]
BUILT = {
    f"{variant}: {name}": manifest
    for variant, found in (("base", base()), ("keda", keda()), ("everything", everything()))
    for name, manifest in found.items()
}
UNLIKE = {str(found): name for name, found in BUILT.items()}
NATIVE = {
    name: BUILT[name]
    for name in UNLIKE.values()
    if not BUILT[name]["apiVersion"].startswith(NOT_KUBERNETES_OWN)
}
PODS = {name: pod for name, pod in pods(BUILT).items() if name in NATIVE}
WORKER = pods(base())["Deployment/worker"]
CONTAINER = container(base(), "Deployment/worker")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
CONFIG: dict[str, str] = {
    **base()["ConfigMap/soloface"]["data"],
    **base()["ConfigMap/soloface-pack"]["data"],
}
SECRETS: dict[str, dict[str, str]] = {
    secret["metadata"]["name"]: secret["stringData"]
    for secret in yaml.safe_load_all((FOLDER / "base/secret.example.yaml").read_text())
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NATIVE)
def test_kubernetes_accepts_every_manifest_and_knows_every_field(name: str, version: str) -> None:
    kubernetes_validate.validate(NATIVE[name], version, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    misspelt = {**base()["Deployment/worker"], "sepc": {}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, VERSIONS[-1], strict=True)


def test_every_example_of_a_secret_is_one() -> None:
    for secret in yaml.safe_load_all((FOLDER / "base/secret.example.yaml").read_text()):
        kubernetes_validate.validate(secret, VERSIONS[-1], strict=True)


def test_every_file_is_listed_but_the_example_of_a_secret() -> None:
    kustomizations = list(FOLDER.rglob("kustomization.yaml"))
    assert len(kustomizations) >= 5
    for file in kustomizations:
        found: dict[str, Any] = yaml.safe_load(file.read_text())
        generated = [name for map_ in found.get("configMapGenerator", []) for name in map_["envs"]]
        listed = {*found.get("resources", []), *generated}
        there = {one.name for one in file.parent.iterdir() if one.is_file()} - {file.name}

        assert there - listed <= {"secret.example.yaml"}
        assert all((file.parent / name).exists() for name in listed)


def settings_of(
    container: Manifest, secret: str, environment: Environment, folder: Path
) -> Settings:
    """What a container's variables make of the settings."""
    held = SECRETS[secret]
    files = {
        one["name"].removeprefix(PREFIX): Path(one["value"]) for one in container.get("env", [])
    }
    for setting, file in files.items():
        # A key of a secret is named like its setting, whose value it is or which is its path.
        named = setting.lower().replace("__", "_")
        assert named in {f"{file.name}_file", file.name}
        (folder / file.name).write_text(held[file.name])
    assert {file.name for file in files.values()} == set(held)
    plain: dict[str, str] = {}
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"].rpartition("-")[0]
        plain |= everything()[f"ConfigMap/{name}"]["data"]
    environment(
        **{name.removeprefix(PREFIX): value for name, value in plain.items()},
        **{name: str(folder / file.name) for name, file in files.items()},
    )
    return load_settings()


@pytest.mark.parametrize("name", [name for name in PODS if not name.endswith("Job/models")])
def test_variables_and_secrets_of_a_pod_are_settings(
    name: str, environment: Environment, tmp_path: Path
) -> None:
    [only] = PODS[name]["containers"]
    volumes = {found["name"]: found for found in PODS[name]["volumes"]}
    secret = volumes["secrets"]["secret"]["secretName"]
    settings = settings_of(only, secret, environment, tmp_path)

    assert settings.database.dsn.get_secret_value() == SECRETS[secret]["database_dsn"]
    [mount] = [one for one in only["volumeMounts"] if one["name"] == "secrets"]
    assert {str(Path(one["value"]).parent) for one in only["env"]} == {mount["mountPath"]}


def test_no_two_pods_share_a_login_to_the_database() -> None:
    logins = [secret["database_dsn"].partition(":change-me@")[0] for secret in SECRETS.values()]
    mounted = [
        volume["secret"]["secretName"]
        for pod in pods(everything()).values()
        for volume in pod["volumes"]
        if "secret" in volume
    ]

    assert len(set(logins)) == len(logins)
    assert sorted(mounted) == sorted(SECRETS)


def test_the_migration_makes_vectors_of_the_workers_length() -> None:
    migrate = container(base(), "Job/migrate")

    assert migrate["envFrom"][0] in CONTAINER["envFrom"]
    assert "SOLOFACE_MODEL__PACK" in base()["ConfigMap/soloface-pack"]["data"]


def test_the_worker_runs_the_documented_command_and_serves_where_it_is_probed() -> None:
    [port] = CONTAINER["ports"]
    probes = {name: CONTAINER[name]["httpGet"] for name in PROBES}

    assert CONTAINER["command"] == WORKER_COMMAND
    assert port["containerPort"] == int(CONFIG["SOLOFACE_METRICS_PORT"])
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert [probe["path"] for probe in probes.values()] == ["/livez", "/livez", "/readyz"]


def test_a_worker_may_drain_to_its_end() -> None:
    drain_s = float(CONFIG["SOLOFACE_WORKER__DRAIN_TIMEOUT_S"])

    assert WORKER["terminationGracePeriodSeconds"] >= drain_s + 5


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_hardened(name: str) -> None:
    pod = PODS[name]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for only in pod["containers"]:
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in only["resources"]["limits"]


def test_keda_scales_the_worker_by_the_jobs_that_wait_for_it() -> None:
    # KEDA's own definitions come with no package: what its documentation says is held here.
    nats = Settings().nats
    scaled = keda()["ScaledObject/worker"]
    [trigger] = scaled["spec"]["triggers"]

    assert "replicas" not in keda()["Deployment/worker"]["spec"]
    assert scaled["spec"]["scaleTargetRef"] == {"name": "worker"}
    assert trigger["type"] == "nats-jetstream"
    assert trigger["metadata"] == {
        "natsServerMonitoringEndpoint": "nats.nats.svc.cluster.local:8222",
        "account": "$G",
        "stream": nats.stream,
        "consumer": nats.durable,
        "lagThreshold": "500",
        "activationLagThreshold": "0",
        "useHttps": "false",
    }


def test_as_many_jobs_may_be_in_work_as_all_workers_can_hold() -> None:
    work = Settings().worker
    held = work.in_flight + 3 * work.batch  # docs/scaling.md
    surge = base()["Deployment/worker"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    page = (REPOSITORY / "docs/scaling.md").read_text()
    workers = keda()["ScaledObject/worker"]["spec"]["maxReplicaCount"] + surge

    assert not {f"{PREFIX}WORKER__IN_FLIGHT", f"{PREFIX}WORKER__BATCH"} & set(CONFIG)
    assert int(CONFIG["SOLOFACE_NATS__MAX_ACK_PENDING"]) == workers * held
    assert f"manifests set it to {workers * held}" in page
