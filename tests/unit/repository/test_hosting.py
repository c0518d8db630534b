"""What the site that hosts the repository runs, and what people run before they commit."""

from __future__ import annotations

import tomllib
from typing import Any

import yaml

from tests.places import REPOSITORY

CI = (REPOSITORY / ".ci/run").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))
    return found


def test_the_workflow_runs_ci_on_every_python_that_is_supported() -> None:
    [job] = read(".github/workflows/ci.yml")["jobs"].values()
    versions = job["strategy"]["matrix"]["python"]
    minors = [int(version.removeprefix("3.")) for version in versions]

    assert job["steps"][-1]["run"] == ".ci/run"
    assert job["env"]["UV_PYTHON"] == "${{ matrix.python }}"
    assert PROJECT["requires-python"] == f">=3.{min(minors)},<3.{max(minors) + 1}"
    assert minors == list(range(min(minors), max(minors) + 1))


def test_the_workflow_may_read_and_nothing_else() -> None:
    assert read(".github/workflows/ci.yml")["permissions"] == {"contents": "read"}


def test_what_is_checked_before_a_commit_is_what_ci_checks() -> None:
    [local] = read(".pre-commit-config.yaml")["repos"]
    commands = {hook["entry"].removesuffix(" --force-exclude") for hook in local["hooks"]}

    assert local["repo"] == "local"
    assert commands == {"uv run ruff format", "uv run ruff check", "uv run mypy"}
    assert all(f"\n{command}" in CI for command in commands)


def test_the_policy_leads_to_the_page_on_security() -> None:
    policy = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")

    assert "private vulnerability reporting" in policy
    assert "(docs/security.md)" in policy
