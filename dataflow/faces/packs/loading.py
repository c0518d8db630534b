"""From the setting to a pack: by its installed name, or by the path of its folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dataflow.faces.face import FacePack
from dataflow.faces.packs.catalog import ARCFACE_THRESHOLD, INSTALLABLE
from dataflow.faces.packs.far_table import FarTable, shipped_far_table
from dataflow.faces.packs.insightface_pack import load_insightface_pack
from dataflow.faces.packs.manifest import Manifest, read_manifest
from dataflow.faces.packs.open_pack import load_open_pack
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK, ModelSettings


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A pack's folder and its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def is_former_open(self) -> bool:
        """Whether it is what earlier releases installed as `open`, whatever its folder's name."""
        return self.manifest.name == OPEN_DLIB_PACK

    def problems(self) -> list[str]:
        """Say what in the folder is not as it was installed; empty if all is well."""
        return self.manifest.problems(self.folder)


def load_pack(settings: ModelSettings) -> FacePack:
    """Load the networks. It takes about a second; share the result between threads.

    Raises:
        ConfigurationError: the pack is not there, was changed since it was installed, does not make
            vectors of the configured size, or cannot run on the configured providers.
    """
    folder, manifest = _locate(settings)
    if manifest is not None:
        _refuse_changed(InstalledPack(folder, manifest))
    pack = _load(folder, manifest, settings)
    if pack.contract.dimension != settings.embedding_dimension:
        raise ConfigurationError(
            f"The pack in {folder} makes vectors of {pack.contract.dimension} numbers, not "
            f"{settings.embedding_dimension}: set SOLOFACE_MODEL__DIMENSION="
            f"{pack.contract.dimension}."
        )
    return pack


def _load(folder: Path, manifest: Manifest | None, settings: ModelSettings) -> FacePack:
    if manifest is None or manifest.kind == "insightface":
        return load_insightface_pack(folder, manifest, settings)
    if settings.mode == "reference":
        raise ConfigurationError(
            "SOLOFACE_MODEL__MODE=reference is insightface's own way with a photo; "
            f"{manifest.name} is no insightface pack."
        )
    return load_open_pack(folder, manifest, settings)


def threshold_of(settings: ModelSettings) -> float:
    """The pack's threshold, without loading its networks.

    Raises:
        ConfigurationError: the pack is not there.
    """
    _, manifest = _locate(settings)
    return manifest.threshold if manifest else ARCFACE_THRESHOLD


def far_table_of(settings: ModelSettings) -> FarTable | None:
    """What is known of strangers' distances with the pack; ``None``: nothing.

    Raises:
        ConfigurationError: the pack is not there.
    """
    _, manifest = _locate(settings)
    return shipped_far_table(manifest)


def _locate(settings: ModelSettings) -> tuple[Path, Manifest | None]:
    """The pack's folder, and its manifest if it has one."""
    if not _is_path(settings.pack):
        installed = find_pack(settings.pack, settings.root)
        return installed.folder, installed.manifest
    folder = Path(settings.pack).expanduser()
    manifest = read_manifest(folder)
    if not folder.is_dir():
        raise ConfigurationError(f"SOLOFACE_MODEL__PACK: there is no folder {folder}.")
    return folder, manifest


def find_pack(name: str, root: Path) -> InstalledPack:
    """Find an installed pack.

    Raises:
        ConfigurationError: it is not installed; the message says how to install it.
    """
    folder = pack_folder(name, root)
    found = _pack_in(folder)
    if name == OPEN_DLIB_PACK or (name == OPEN_PACK and found and found.is_former_open):
        found = _open_dlib(root)
    if found is not None:
        return found
    if name in INSTALLABLE:
        fix = f"run: soloface models install {name}"
    else:
        fix = f"known packs are {', '.join(INSTALLABLE)}; for another, give its folder's full path"
    raise ConfigurationError(f"The model pack {name} is not installed in {folder.parent}; {fix}")


def _open_dlib(root: Path) -> InstalledPack | None:
    """The pack `open-dlib`: under its name, or under the one that it had in earlier releases."""
    packs = (_pack_in(pack_folder(name, root)) for name in (OPEN_DLIB_PACK, OPEN_PACK))
    return next((pack for pack in packs if pack and pack.is_former_open), None)


def _pack_in(folder: Path) -> InstalledPack | None:
    manifest = read_manifest(folder)
    return InstalledPack(folder, manifest) if manifest else None


def renamed(settings: ModelSettings) -> str | None:
    """What to do if the pack `open` is that of an earlier release; ``None``: nothing.

    Raises:
        ConfigurationError: its manifest is damaged.
    """
    pack = _pack_in(pack_folder(settings.pack, settings.root))
    if settings.pack != OPEN_PACK or pack is None or not pack.is_former_open:
        return None
    return (
        f"the pack in {pack.folder} is called {OPEN_DLIB_PACK} now, and {OPEN_PACK} is a new one; "
        f"to stay with it, set SOLOFACE_MODEL__PACK={OPEN_DLIB_PACK}; to move to the new one, "
        f"run: soloface models install {OPEN_PACK}, then: soloface reembed --to {OPEN_PACK}"
    )


def installed_packs(root: Path) -> list[InstalledPack]:
    """List what is installed, by name.

    Raises:
        ConfigurationError: a manifest is damaged.
    """
    root = root.expanduser()
    if not root.is_dir():
        return []
    # Hidden folders are installations under way.
    folders = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    return [pack for pack in map(_pack_in, folders) if pack]


def pack_folder(name: str, root: Path) -> Path:
    """Where a pack of that name is installed."""
    return root.expanduser() / name


def _is_path(pack: str) -> bool:
    return os.sep in pack or pack.startswith("~")


def _refuse_changed(pack: InstalledPack) -> None:
    problems = pack.problems()
    if problems:
        raise ConfigurationError(
            f"The pack in {pack.folder} is not what was installed: {'; '.join(problems)}. "
            f"Run: soloface models install {pack.manifest.name}"
        )
