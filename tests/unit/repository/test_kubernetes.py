"""deploy/k8s: valid by Kubernetes' own schemas, and in step with the worker's settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from dataflow.settings import PREFIX, Settings, load_settings
from tests.fixtures.environment import Environment
from tests.places import REPOSITORY
from tests.unit.repository.test_compose import WORKER_COMMAND

FOLDER = REPOSITORY / "deploy/k8s"
VERSIONS = ["1.29", "1.33", "1.37"]
KEDA = "keda.sh/v1alpha1"  # not among Kubernetes' own schemas
NO_MANIFESTS = "kustomization.yaml"

Manifest = dict[str, Any]


def manifests() -> Iterator[tuple[str, Manifest]]:
    """Each resource with a name for it."""
    for file in sorted(FOLDER.rglob("*.yaml")):
        if file.name != NO_MANIFESTS:
            for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8")):
                yield f"{file.stem}/{manifest['metadata']['name']}", manifest


MANIFESTS = dict(manifests())
NATIVE = {name: found for name, found in MANIFESTS.items() if found["apiVersion"] != KEDA}
PODS = {
    name: found["spec"]["template"]["spec"]
    for name, found in MANIFESTS.items()
    if "template" in found.get("spec", {})
}
WORKER = PODS["deployment/worker"]
[CONTAINER] = WORKER["containers"]
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
CONFIG: dict[str, str] = MANIFESTS["configmap/soloface"]["data"]
SCALED = MANIFESTS["scaledobject/worker"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NATIVE)
def test_kubernetes_accepts_every_manifest_and_knows_every_field(name: str, version: str) -> None:
    kubernetes_validate.validate(NATIVE[name], version, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    misspelt = {**MANIFESTS["deployment/worker"], "sepc": {}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, VERSIONS[-1], strict=True)


def test_every_file_is_listed_but_the_example_of_a_secret() -> None:
    for folder in (FOLDER / "base", FOLDER / "keda"):
        listed = yaml.safe_load((folder / NO_MANIFESTS).read_text())["resources"]
        there = {file.name for file in folder.glob("*.yaml")} - {NO_MANIFESTS}

        assert there - set(listed) <= {"secret.example.yaml"}
        assert all((folder / name).exists() for name in listed)


def test_variables_and_secrets_are_the_settings_that_a_worker_takes(
    environment: Environment, tmp_path: Path
) -> None:
    [volume] = [found for found in WORKER["volumes"] if found["name"] == "secrets"]
    secret = MANIFESTS[f"secret.example/{volume['secret']['secretName']}"]["stringData"]
    files = {one["name"].removeprefix(PREFIX): Path(one["value"]) for one in CONTAINER["env"]}
    for file in files.values():
        (tmp_path / file.name).write_text(secret.pop(file.name))
    plain = {name.removeprefix(PREFIX): value for name, value in CONFIG.items()}
    environment(**plain, **{name: str(tmp_path / file.name) for name, file in files.items()})

    assert load_settings().database.dsn.get_secret_value().startswith("postgresql://photo_worker")
    assert not secret
    [mount] = [one for one in CONTAINER["volumeMounts"] if one["name"] == "secrets"]
    assert {str(file.parent) for file in files.values()} == {mount["mountPath"]}


def test_the_migration_logs_in_as_the_owner_and_makes_vectors_of_the_workers_length() -> None:
    migrate = PODS["migrate-job/migrate"]
    [container] = migrate["containers"]
    variables = {one["name"]: one for one in container["env"]}
    secret = migrate["volumes"][0]["secret"]["secretName"]

    assert secret == "soloface-owner"
    assert "dsn" in MANIFESTS[f"secret.example/{secret}"]["stringData"]
    assert variables["SOLOFACE_MODEL__PACK"]["valueFrom"]["configMapKeyRef"]["key"] in CONFIG


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
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


def test_keda_scales_the_worker_by_the_jobs_that_wait_for_it() -> None:
    # KEDA's own definitions come with no package: what its documentation says is held here.
    nats = Settings().nats
    [trigger] = SCALED["spec"]["triggers"]

    assert SCALED["spec"]["scaleTargetRef"] == {"name": "worker"}
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
