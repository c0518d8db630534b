"""The embedding contract: vectors may be compared only if they were made in the same way."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything that decides where a face lands in the embedding space.

    ``files`` are (name, sha256 in hex) of the pack's networks; ``detection``, ``alignment`` and
    ``normalisation`` name the procedures between pixels and vector, with a version of their own.
    """

    pack: str
    files: tuple[tuple[str, str], ...]
    detection: str
    alignment: str
    normalisation: str
    dimension: int

    @property
    def id(self) -> str:
        """Short and stable: the pack's name and 12 hex digits over all fields."""
        digest = hashlib.sha256(repr(astuple(self)).encode()).hexdigest()
        return f"{self.pack}-{digest[:12]}"
