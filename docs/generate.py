"""Write what the pages take from the code: settings, metrics, alerts, the drawings.

And the Prometheus operator's form of the alerts, from the plain one.

    uv run python docs/generate.py

A place for it begins with ``<!-- generated: NAME -->`` and ends with ``<!-- end -->``; what lies
between is replaced. A test compares, so a page cannot lag behind the code.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from textwrap import indent

import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

REPOSITORY = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))

import soloface.worker  # noqa: E402, F401 - makes all metrics
from connectors.jetstream.rights import Right, people_rights, worker_rights  # noqa: E402 - after the path to it
from dataflow.settings import PREFIX, NatsSettings, Settings  # noqa: E402
from docs.floors import drawing as floors_drawing  # noqa: E402

RULES = REPOSITORY / "deploy" / "prometheus" / "rules.yml"
OPERATORS_RULES = REPOSITORY / "deploy/k8s/components/monitoring/prometheusrule.yaml"
_SUFFIXES = {"counter": "_total", "info": "_info"}
PLACE = re.compile(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def settings_tables() -> str:
    """Every variable with its default and its description, section by section."""
    loose = []
    parts = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            rows = [
                _row(f"{name}__{inner}", inner_field)
                for inner, inner_field in section.model_fields.items()
            ]
            parts.append(f"## `{PREFIX}{name.upper()}__…`\n\n{section.__doc__}\n\n{_table(rows)}")
        else:
            loose.append(_row(name, field))
    parts.append(f"## The rest\n\n{_table(loose)}")
    return "\n\n".join(parts)


def _table(rows: list[str]) -> str:
    return "\n".join(["| variable | default | |", "| --- | --- | --- |", *rows])


def _row(name: str, field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, (tuple, frozenset)):
        value = ",".join(map(str, value))
    if isinstance(value, bool):
        value = str(value).lower()
    shown = "" if value in {None, ""} else f"`{value}`"
    return f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |"


def metrics_table() -> str:
    """Every metric of ours, by the name that it is exported under."""
    rows = []
    for collector in set(REGISTRY._collector_to_names):  # noqa: SLF001 - there is no other way
        if isinstance(collector, MetricWrapperBase):
            (metric,) = collector.describe()
            if metric.name.startswith("soloface_"):
                name = metric.name + _SUFFIXES.get(metric.type, "")
                labels = ", ".join(f"`{label}`" for label in collector._labelnames)  # noqa: SLF001
                rows.append(f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |")
    return "\n".join(["| metric | type | labels | |", "| --- | --- | --- | --- |", *sorted(rows)])


def alerts_table() -> str:
    """Every alert with what it means and what to do."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    rows = [
        f"| [`{rule['alert']}`](operations.md#{rule['alert']}) | {rule['labels']['severity']} "
        f"| {rule['for']} | {rule['annotations']['description']} |"
        for rule in rules
    ]
    return "\n".join(["| alert | severity | for | |", "| --- | --- | --- | --- |", *rows])


def operators_rules() -> str:
    """The alerts as a PrometheusRule of the Prometheus operator."""
    head, _, groups = RULES.read_text(encoding="utf-8").partition("groups:")
    return (
        "# Made from deploy/prometheus/rules.yml by `uv run python docs/generate.py`.\n"
        f"{head}apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n"
        "metadata:\n  name: soloface\nspec:\n" + indent(f"groups:{groups}", "  ")
    )


def nats_rights_table(rights: Callable[[NatsSettings], Iterator[Right]] = worker_rights) -> str:
    """Every right of a worker's login, with the default names."""
    rows = [
        f"| {right.verb} | `{right.subject}` | {right.purpose} | {right.need} |"
        for right in rights(NatsSettings())
    ]
    return "\n".join(["| | subject | to | needed |", "| --- | --- | --- | --- |", *rows])


@cache
def flow_drawing() -> str:
    """The flow as Bytewax draws it, less its frame, which GitHub would lay out across the page."""
    drawn = subprocess.run(
        [sys.executable, "-m", "bytewax.visualize", "dataflow:flow", "-o", "mermaid"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in drawn.splitlines() if not line.startswith(("subgraph", "end"))]
    text = "\n".join(lines).replace("soloface.", "")
    text = re.sub(r' -- "down → ups?" --> ', " --> ", text)
    text = text.replace('"falses → up"', '"open"').replace('"trues → ups"', '"settled"')
    return f"```mermaid\n{text}\n```"


GENERATORS: dict[str, Callable[[], str]] = {
    "settings": settings_tables,
    "metrics": metrics_table,
    "alerts": alerts_table,
    "flow": flow_drawing,
    "floors": lambda: f"```mermaid\n{floors_drawing()}\n```",
    "nats_rights": nats_rights_table,
    "people_rights": lambda: nats_rights_table(people_rights),
}


def pages() -> Iterator[Path]:
    """Every page that may have a place for something generated."""
    yield REPOSITORY / "README.md"
    yield from sorted((REPOSITORY / "docs").rglob("*.md"))


def refreshed(text: str) -> str:
    """A page's text with everything generated as it is now."""

    def fill(place: re.Match[str]) -> str:
        name = place[1]
        return f"<!-- generated: {name} -->\n{GENERATORS[name]()}\n<!-- end -->"

    return PLACE.sub(fill, text)


if __name__ == "__main__":
    for page in pages():
        page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")
    OPERATORS_RULES.write_text(operators_rules(), encoding="utf-8")
