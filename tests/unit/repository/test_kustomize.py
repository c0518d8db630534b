"""deploy/k8s, put together in the ways that docs/deployment.md tells of, by the real kubectl."""

from __future__ import annotations

import re

import pytest
import yaml

from docs.generate import OPERATORS_RULES, operators_rules
from tests.fixtures.kubernetes import base, container, everything, overlay, pods
from tests.fixtures.prometheus import RULES
from tests.places import REPOSITORY

PAGE = (REPOSITORY / "docs/deployment.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"^```yaml\n(apiVersion: kustomize.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WORKER = "Deployment/worker"


def with_setting(name: str, literal: str) -> str:
    return (
        "namespace: soloface\nresources: [soloface/deploy/k8s/base]\n"
        f"configMapGenerator: [{{name: {name}, behavior: merge, literals: ['{literal}']}}]\n"
    )


def test_the_example_of_the_page_on_deployment_is_put_together() -> None:
    assert EXAMPLE
    found = overlay(EXAMPLE[1].replace("../soloface", "soloface"), secrets="{}")

    images = {only["image"] for pod in pods(found).values() for only in pod["containers"]}
    assert images == {"your-registry/soloface:0.1.0"}
    assert {one["metadata"].get("namespace") for one in found.values()} == {"soloface", None}
    assert found["ConfigMap/soloface"]["data"]["SOLOFACE_NATS__URL"] == "tls://nats.example:4222"
    retention = container(found, "CronJob/retention")["command"]
    assert retention == ["soloface", "retention", "--unmatched-after", "90"]


@pytest.mark.parametrize(
    ("name", "changed", "same"),
    [
        ("soloface", {WORKER}, {"Job/migrate", "Job/models"}),
        ("soloface-pack", {WORKER, "Job/migrate", "Job/models"}, set()),
    ],
)
def test_a_changed_setting_starts_new_workers_and_leaves_the_jobs_as_they_are(
    name: str, changed: set[str], same: set[str]
) -> None:
    literal = {"soloface": "SOLOFACE_WORKER__CORES=4", "soloface-pack": "SOLOFACE_MODEL__PACK=x"}
    found = pods(overlay(with_setting(name, literal[name])))
    before = pods(base())

    assert {pod for pod in before if found[pod] != before[pod]} == changed
    assert {pod for pod in before if found[pod] == before[pod]} == same


def test_every_pod_finds_its_settings_in_a_namespace_of_another_name() -> None:
    found = overlay(
        "namespace: faces\nresources: [soloface/deploy/k8s/base]\n"
        "components: [soloface/deploy/k8s/components/upkeep]\n"
    )
    there = {one["metadata"]["name"] for one in found.values() if one["kind"] == "ConfigMap"}
    asked = {
        source["configMapRef"]["name"]
        for pod in pods(found).values()
        for only in pod["containers"]
        for source in only.get("envFrom", [])
    }

    assert len(there) == 2
    assert asked == there


def test_packs_in_the_image_take_no_volume() -> None:
    found = overlay(
        "resources: [soloface/deploy/k8s/base]\n"
        "components: [soloface/deploy/k8s/components/baked-models]\n"
    )
    worker = pods(found)[WORKER]

    assert set(base()) - set(found) == {"PersistentVolumeClaim/models", "Job/models"}
    assert [volume["name"] for volume in worker["volumes"]] == ["secrets", "tmp"]
    mounts = {mount["name"] for mount in container(found, WORKER)["volumeMounts"]}
    assert mounts == {"secrets", "tmp"}


def test_the_operator_scrapes_each_worker_once_where_it_serves() -> None:
    spec = everything()["PodMonitor/worker"]["spec"]
    [endpoint] = spec["podMetricsEndpoints"]
    template = everything()[WORKER]["spec"]["template"]

    assert spec["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in container(base(), WORKER)["ports"]]
    assert "prometheus.io/scrape" not in template["metadata"].get("annotations", {})


def test_the_operators_alerts_are_the_plain_ones() -> None:
    rule = everything()["PrometheusRule/soloface"]

    assert rule["spec"] == yaml.safe_load(RULES.read_text())
    assert OPERATORS_RULES.read_text() == operators_rules(), "run: uv run python docs/generate.py"
