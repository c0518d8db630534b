"""Dashboard and alerts keep to the metrics that there are."""

from __future__ import annotations

import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from docs.generate import metrics_table
from tests.fixtures.prometheus import RULES, program

DASHBOARD = RULES.parents[1] / "grafana" / "soloface.json"
METRIC = re.compile(r"\bsoloface_[a-z_]+")
EXPORTED = set(re.findall(r"^\| `(soloface_\w+)`", metrics_table(), re.MULTILINE))
SERIES = re.compile(r"_(bucket|sum|count)$")


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, without the headings between them."""
    dashboard = orjson.loads(DASHBOARD.read_bytes())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def metrics_in(text: str) -> set[str]:
    return {SERIES.sub("", name) for name in METRIC.findall(text)}


def test_the_dashboard_shows_metrics_that_there_are_and_all_of_them(
    panels: list[dict[str, Any]],
) -> None:
    shown = metrics_in("\n".join(t["expr"] for panel in panels for t in panel["targets"]))
    assert shown == EXPORTED


def test_every_panel_says_what_it_shows(panels: list[dict[str, Any]]) -> None:
    assert [panel["title"] for panel in panels if not panel["description"].endswith(".")] == []
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_no_panel_covers_another(panels: list[dict[str, Any]]) -> None:
    for first, second in combinations((panel["gridPos"] for panel in panels), 2):
        beside = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        below = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
        assert beside or below


def test_the_dashboard_belongs_to_no_prometheus_in_particular(
    panels: list[dict[str, Any]],
) -> None:
    sources = {panel["datasource"]["uid"] for panel in panels}
    sources |= {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert sources == {"${datasource}"}


def test_alerts_watch_metrics_that_there_are_and_say_what_to_do() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]:
        assert metrics_in(rule["expr"]) <= EXPORTED
        assert metrics_in(rule["expr"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["description"].endswith(".")


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", RULES)


def test_the_alerts_fire_when_they_should_and_not_otherwise() -> None:
    tests = (RULES.with_name(f"rules.{pace}test.yml") for pace in ("", "slow."))
    assert "SUCCESS" in promtool("test", "rules", *tests)


def test_promtool_takes_the_composes_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", RULES.with_name("prometheus.yml"))
