"""The Grafana dashboard's panels and what they ask, with the dashboard's variables filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import orjson

from tests.places import REPOSITORY

DASHBOARD = REPOSITORY / "deploy" / "grafana" / "soloface.json"
VARIABLES = {"$__rate_interval": "8s", "$instance": ".*"}


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a panel; ``legend`` is what its series are called, with labels in braces."""

    expression: str
    legend: str
    is_instant: bool

    @property
    def is_of_web(self) -> bool:
        """Whether it asks for what the web process counts, not a worker."""
        return "soloface_web_" in self.expression

    def name(self, labels: Mapping[str, str]) -> str:
        """What the legend calls the series with these labels."""
        name = self.legend
        for label, value in labels.items():
            name = name.replace(f"{{{{{label}}}}}", value)
        return name


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is, in the dashboard's grid of 24 columns; rows count downwards."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the dashboard; a heading has no queries.

    ``thresholds`` are (least value, colour) and come in ascending order.
    """

    kind: str
    title: str
    place: Place
    queries: tuple[Query, ...]
    unit: str
    decimals: int | None
    limits: tuple[float | None, float | None]
    is_stacked: bool
    has_legend_below: bool
    no_value: str
    thresholds: tuple[tuple[float, str], ...]
    hidden: frozenset[str]


def panels() -> list[Panel]:
    """All of them, in the order of the file."""
    return [_panel(json) for json in orjson.loads(DASHBOARD.read_bytes())["panels"]]


def _panel(json: dict[str, Any]) -> Panel:
    defaults = json.get("fieldConfig", {}).get("defaults", {})
    legend = json.get("options", {}).get("legend", {})
    steps = defaults.get("thresholds", {}).get("steps", ())
    hidden = [
        transformation["options"]["excludeByName"]
        for transformation in json.get("transformations", ())
        if transformation["id"] == "organize"
    ]
    return Panel(
        kind=json["type"],
        title=json["title"],
        place=Place(**json["gridPos"]),
        queries=tuple(map(_query, json.get("targets", ()))),
        unit=defaults.get("unit", "short"),
        decimals=defaults.get("decimals"),
        limits=(defaults.get("min"), defaults.get("max")),
        has_legend_below=legend.get("placement") == "bottom",
        no_value=defaults.get("noValue", "no data"),
        is_stacked="stacking" in defaults.get("custom", {}),
        thresholds=tuple((_least(step), step["color"]) for step in steps),
        hidden=frozenset().union(*hidden),
    )


def _query(target: dict[str, Any]) -> Query:
    expression: str = target["expr"]
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return Query(expression, target.get("legendFormat", ""), target.get("instant", False))


def _least(step: dict[str, Any]) -> float:
    return -inf if step["value"] is None else step["value"]
