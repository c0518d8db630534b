"""`pack.json`: what a pack's folder must hold, written when the pack is installed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK

MANIFEST_FILE = "pack.json"

# A file of the folder itself: a manifest from elsewhere must not lead out of it.
FileName = Annotated[str, Field(pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """A pack's description.

    ``files`` maps the names of its networks to their sha256 in hex. ``made_from`` does the same for
    what they were made from, where that is something else: it is what the embedding contract
    names, as two machines' conversions may differ in a last digit that makes no difference.
    ``threshold`` is the cosine distance up to which two faces are taken for one person. The kind
    ``open`` is CenterFace with dlib's network, as it was when it was the only open pack.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    kind: Literal["open", "sface", "insightface"]
    licence: str
    source: str
    threshold: float
    dimension: int
    files: dict[FileName, Sha256]
    made_from: dict[str, str] = {}

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """The (name, sha256 in hex) pairs of the embedding contract."""
        return tuple(sorted((self.made_from or self.files).items()))

    def write(self, folder: Path) -> None:
        """Put the manifest into a folder; a reader sees the old or the new one, never a half."""
        scratch = folder / f".{MANIFEST_FILE}"
        scratch.write_text(self.model_dump_json(indent=2) + "\n")
        scratch.replace(folder / MANIFEST_FILE)

    def problems(self, folder: Path) -> list[str]:
        """Say, one line per file, what is not as it was installed. Reads every file."""
        found = []
        for name, expected in self.files.items():
            actual = file_sha256(folder / name)
            if actual is None:
                found.append(f"{name} is missing")
            elif actual != expected:
                found.append(f"{name} has changed: sha256 {actual}, installed was {expected}")
        return found


def read_manifest(folder: Path) -> Manifest | None:
    """Read a folder's manifest; ``None`` if it has none.

    Raises:
        ConfigurationError: it cannot be understood.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{path} is damaged; install the pack again.") from error
    if manifest.kind == "open" and manifest.name == OPEN_PACK:
        return manifest.model_copy(update={"name": OPEN_DLIB_PACK})  # of an earlier soloface
    return manifest


def file_sha256(path: Path) -> str | None:
    """Hash a file, in hex; ``None`` if there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
