"""What is said of names that are no settings, and of values that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import PREFIX, Settings, load_settings
from tests.fixtures.environment import Environment, refused
from tests.unit.settings.test_settings import FIELDS


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("NATS_URL", "NATS__URL"),
        ("NATS__URI", "NATS__URL"),
        ("NATS_URL_FILE", "NATS__URL_FILE"),
        ("MATCH_MAX_DISTANCE", "MATCH__MAX_DISTANCE"),
        ("MATCH__MAXDISTANCE", "MATCH__MAX_DISTANCE"),
        ("DATABASE_DSN", "DATABASE__DSN"),
        ("METRIC_PORT", "METRICS_PORT"),
    ],
)
def test_what_was_probably_meant_is_said(
    variable: str, meant: str, environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / "1").write_text("1")
    environment(**{variable: str(tmp_path / "1")})
    assert refused() == f"{PREFIX}{variable} is not a setting; did you mean {PREFIX}{meant}?"


@pytest.mark.parametrize(
    "variable", ["PORT", "SERVICE_HOST", "SERVICE_PORT", "PORT_9100_TCP_ADDR", "THEME"]
)
def test_what_is_like_no_setting_is_passed_over_with_a_warning(
    variable: str, environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    environment(**{variable: "tcp://10.0.0.7:9100"})
    assert load_settings() == Settings()
    assert f"{PREFIX}{variable}" in caplog.text


@pytest.mark.parametrize("variable", [name for name, _, _ in FIELDS])
@pytest.mark.parametrize("value", ["\t", "[", "é", "-1e400", "x" * 5000])
def test_whatever_is_wrong_is_one_line_that_names_the_variable(
    variable: str, value: str, environment: Environment
) -> None:
    environment(**{variable: value})
    try:
        load_settings()
    except ConfigurationError as error:
        (line,) = str(error).splitlines()
        assert f"{PREFIX}{variable.partition('__')[0]}" in line
        assert "Value error" not in line
        assert len(line) < 400
