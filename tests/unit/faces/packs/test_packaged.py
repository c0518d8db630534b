"""Where the networks of made packs are read from."""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from dataflow.faces.packs.made import Network, Source
from dataflow.faces.packs.packaged import read_packaged
from dataflow.jobs.errors import ConfigurationError

FIRST, SECOND = b"small", b"whole"
NETWORK = Network(
    "a network",
    "does something",
    "MIT",
    tuple(
        Source(f"package-{content.decode()}", content.decode(), "net.onnx", digest)
        for content, digest in ((c, hashlib.sha256(c).hexdigest()) for c in (FIRST, SECOND))
    ),
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose folders are the installed packages."""

    def find(name: str) -> ModuleSpec | None:
        if not (tmp_path / name).exists():
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path / name)]
        return spec

    monkeypatch.setattr(importlib.util, "find_spec", find)
    return tmp_path


def put(installed: Path, package: bytes, content: bytes) -> None:
    (installed / package.decode()).mkdir()
    (installed / package.decode() / "net.onnx").write_bytes(content)


def test_the_first_choice_is_taken_where_both_are_installed(installed: Path) -> None:
    put(installed, FIRST, FIRST)
    put(installed, SECOND, SECOND)
    assert read_packaged(NETWORK, "open") == (FIRST, NETWORK.sources[0])


def test_the_second_serves_where_the_first_is_not_installed(installed: Path) -> None:
    put(installed, SECOND, SECOND)
    assert read_packaged(NETWORK, "open") == (SECOND, NETWORK.sources[1])


def test_the_second_serves_where_the_first_is_another_file(installed: Path) -> None:
    put(installed, FIRST, b"another")
    put(installed, SECOND, SECOND)
    assert read_packaged(NETWORK, "open") == (SECOND, NETWORK.sources[1])


def test_another_file_alone_is_refused_by_its_path(installed: Path) -> None:
    put(installed, FIRST, b"another")
    with pytest.raises(ConfigurationError, match=r"small/net\.onnx is not the file it should be"):
        read_packaged(NETWORK, "open")


def test_without_any_the_message_names_the_extra(installed: Path) -> None:
    (installed / FIRST.decode()).mkdir()
    with pytest.raises(ConfigurationError, match=r"package-small; .*soloface\[open\]"):
        read_packaged(NETWORK, "open")
