"""Vectors that were made before, so that another look at the same photos costs nothing."""

from __future__ import annotations

import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataflow.faces.face import Embedding
from dataflow.jobs.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen on a photo: one face, or why there is none to compare (a reason code)."""

    reason: str
    embedding: Embedding | None = None


class Cache:
    """What was seen, by the sha256 of the photo. Safe to share between threads.

    Vectors of faces are personal data: only the owner of the file may read it.

    Args:
        path: where it is kept between runs; ``None`` forgets all at the end. Its name has to say
            everything that decides what is seen.

    Raises:
        ConfigurationError: the file is no such cache.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: dict[str, Seen] = {}
        self._lock = threading.Lock()
        self._dirty = False
        if path and path.exists():
            self._seen = _read(path)

    def get(self, sha256: str) -> Seen | None:
        """What was seen before."""
        return self._seen.get(sha256)

    def put(self, sha256: str, seen: Seen) -> None:
        """Remember it."""
        with self._lock:
            self._seen[sha256] = seen
            self._dirty = True

    def save(self) -> None:
        """Keep it for another run.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        if self._path is None or not self._dirty:
            return
        size = max(
            (len(s.embedding) for s in self._seen.values() if s.embedding is not None), default=1
        )
        nothing = np.zeros(size, np.float32)
        vectors = [nothing if s.embedding is None else s.embedding for s in self._seen.values()]
        draft = self._path.with_suffix(".draft")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            with draft.open("wb") as file:
                np.savez(
                    file,
                    sha256=np.array(list(self._seen)),
                    reasons=np.array([seen.reason for seen in self._seen.values()]),
                    vectors=np.array(vectors),
                )
            draft.replace(self._path)
        except OSError as error:
            raise ConfigurationError(
                f"the cache {self._path} cannot be written: {error.strerror}; name another folder "
                "(--cache)"
            ) from None
        self._dirty = False


def _read(path: Path) -> dict[str, Seen]:
    try:
        # NumPy leaves a file open that is no archive, if it opens it.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            rows = zip(file["sha256"], file["reasons"], file["vectors"], strict=True)
            return {
                str(sha256): Seen(str(reason), None if reason else vector)
                for sha256, reason, vector in rows
            }
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{path} is no cache of this command; delete it") from error
