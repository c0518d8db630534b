"""The Dockerfile's build arguments and stages; no engine is at hand that could build it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from itertools import pairwise

import pytest

from tests.places import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
STAGES = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", DOCKERFILE, re.MULTILINE)
RUNS = re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE)
EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]


def told(run: str, **arguments: str) -> list[str]:
    """The commands that a RUN line would give to uv and soloface."""
    script = 'uv() { echo uv "$@"; }; soloface() { echo soloface "$@"; }; ' + run
    done = subprocess.run(
        ["/bin/sh", "-euc", script],
        env={"PATH": "/usr/bin:/bin", **arguments},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def default(argument: str) -> str:
    [value] = re.findall(rf"^ARG {argument}=(.*)$", DOCKERFILE, re.MULTILINE)
    return str(value)


@pytest.mark.parametrize("run", [run for run in RUNS if run.startswith("uv sync")])
@pytest.mark.parametrize("extras", ["", "open", "open,tracing", "open, tracing", ",".join(EXTRAS)])
def test_the_extras_that_are_asked_for_are_installed(run: str, extras: str) -> None:
    [line] = told(run, EXTRAS=extras)

    words = line.split()
    names = [after for word, after in pairwise(words) if word == "--extra"]
    assert names == [name.strip() for name in extras.split(",") if name]
    assert line.startswith("uv sync --no-cache --no-dev --no-")


def test_the_extras_by_default_exist() -> None:
    assert set(default("EXTRAS").split(",")) <= set(EXTRAS)


def test_a_baked_image_has_every_pack_that_is_asked_for() -> None:
    [run] = [run for run in RUNS if "models install" in run]

    assert told(run, PACKS="open,buffalo_l") == [
        "soloface models install open",
        "soloface models install buffalo_l",
    ]
    assert default("PACKS") == "open"


def test_packs_are_in_the_image_only_when_that_is_asked_for() -> None:
    assert [name for _, name in STAGES] == ["build", "runtime", "baked", ""]
    assert [image for image, _ in STAGES[2:]] == ["runtime", "runtime"]
