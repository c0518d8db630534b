"""Vectors that outlive a run."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.cache import Cache, Seen
from dataflow.jobs.errors import ConfigurationError


def test_faces_and_refusals_are_found_again_and_only_the_owner_may_read_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "vectors.npz"
    cache = Cache(path)
    cache.put("one", Seen("", np.array([0.6, 0.8], np.float32)))
    cache.put("other", Seen("no_face"))
    cache.save()

    again = Cache(path)

    found, refused = again.get("one"), again.get("other")
    assert found
    assert found.embedding is not None
    assert found.embedding.tolist() == pytest.approx([0.6, 0.8])
    assert refused == Seen("no_face")
    assert again.get("third") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["vectors.npz"]


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = Cache(None)
    cache.put("one", Seen("no_face"))
    cache.save()

    assert cache.get("one") == Seen("no_face")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half of one"])
def test_another_file_in_its_place_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="delete it"):
        Cache(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "vectors.npz")
    cache.put("one", Seen("no_face"))

    with pytest.raises(ConfigurationError, match="cannot be written"):
        cache.save()
