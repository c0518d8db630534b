"""What must be passed on with the networks of a pack: whose they are, under which licence."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

NOTICE_FILE = "NOTICE.txt"
_APACHE = "LICENSE-Apache-2.0.txt"


def notice_of(pack: str) -> str | None:
    """The notices of a pack by its name; ``None``: soloface has none."""
    try:
        return _read(f"{pack}.txt")
    except FileNotFoundError:
        return None


def write_notices(pack: str, folder: Path) -> None:
    """Put a pack's notices, and the licences that they refer to, into its folder.

    Raises:
        OSError: they cannot be written.
    """
    text = notice_of(pack)
    if text is None:
        return
    (folder / NOTICE_FILE).write_text(text)
    if _APACHE in text:
        (folder / _APACHE).write_text(_read(_APACHE))


def _read(name: str) -> str:
    return (files("dataflow.faces.packs") / "data" / "notices" / name).read_text()
