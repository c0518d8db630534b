"""Tables that were measured with the recogniser of a pack, and come with the program."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Literal

from dataflow.faces.packs.made import DLIB_RESNET, SFACE

MEASURED = {
    source.sha256: pack
    for network, pack in ((DLIB_RESNET, "open-dlib"), (SFACE, "open"))
    for source in network.sources
}
"""How the files are called, by the sha256 of the recogniser that they were measured with: a pack
may be renamed, its network stays what it is."""


def shipped_table(
    kind: Literal["far", "gaps", "distances"], networks: Iterable[tuple[str, str]]
) -> Path | None:
    """The file of a pack; ``None``: nothing was measured with its recogniser.

    Args:
        kind: of the table.
        networks: of the pack, each with its sha256.
    """
    known = [MEASURED[sha256] for _, sha256 in networks if sha256 in MEASURED]
    folder = Path(str(files("dataflow.faces.packs"))) / "data"
    return folder / f"{kind}_{known[0]}.json" if known else None
