"""Installing a pack: all of it or nothing, and nothing twice."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from pathlib import Path

from dataflow.faces.packs.catalog import INSTALLABLE, PUBLISHED, PublishedPack
from dataflow.faces.packs.download import download_networks
from dataflow.faces.packs.loading import pack_folder
from dataflow.faces.packs.made import DIMENSION, MADE, MadePack
from dataflow.faces.packs.manifest import MANIFEST_FILE, Manifest, file_sha256, read_manifest
from dataflow.faces.packs.notices import write_notices
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK

_READABLE = 0o755  # temporary folders are private, an installed pack is not


def install_pack(name: str, root: Path) -> Path:
    """Install a pack, unless it is there and intact; repair it if it was changed.

    The open packs are made from installed packages, in seconds. Others are downloaded from their
    publisher, or taken over from files that somebody put into the pack's folder.

    What an earlier release installed as `open` is `open-dlib`: it counts as such where it is, and
    is moved to its name when `open` is installed.

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
    names = (name, OPEN_PACK) if name == OPEN_DLIB_PACK else (name,)
    for folder in (pack_folder(one, root) for one in names):
        if _is_intact(name, folder):
            return folder
    folder = pack_folder(name, root)
    if not _adopted(name, folder):
        try:
            _make(name, folder)
        except OSError as error:
            raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def _is_intact(name: str, folder: Path) -> bool:
    try:
        manifest = read_manifest(folder)
    except ConfigurationError:
        return False  # damaged: to be installed again
    return manifest is not None and manifest.name == name and not manifest.problems(folder)


def _adopted(name: str, folder: Path) -> bool:
    """Take over files that were put there by hand, if they are the published ones."""
    pack = PUBLISHED.get(name)
    # In this order: an installation that ends meanwhile brings its manifest along.
    if not folder.is_dir() or not any(folder.iterdir()) or (folder / MANIFEST_FILE).exists():
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
        if name in MADE:
            manifest = _make_open(MADE[name], staged)
            write_notices(name, staged)
        else:
            manifest = _describe(PUBLISHED[name])
            download_networks(PUBLISHED[name], staged, folder)
        manifest.write(staged)
        former = pack_folder(OPEN_DLIB_PACK, folder.parent)
        keep = _is_intact(OPEN_DLIB_PACK, folder) and not former.exists()
        _put_in_place(staged, folder, former if keep else Path(scratch, "replaced"))
        if keep:
            write_notices(OPEN_DLIB_PACK, former)


def _make_open(pack: MadePack, staged: Path) -> Manifest:
    try:
        from dataflow.faces.packs.open_build import build_pack  # noqa: PLC0415 - imports onnx
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The pack {pack.name} needs the package {error.name}; install the extra "
            f"soloface[{pack.name}]."
        ) from error
    made_from = build_pack(pack, staged)
    return Manifest(
        name=pack.name,
        kind=pack.kind,
        licence=pack.licence,
        source=pack.source,
        threshold=pack.threshold,
        dimension=DIMENSION,
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
    if _is_intact(staged.name, folder):
        return  # somebody else was faster, and theirs is as good
    with contextlib.suppress(FileNotFoundError):
        folder.rename(aside)
    try:
        staged.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not _is_intact(
            staged.name, folder
        ):
            raise
