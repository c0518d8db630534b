"""Fetching a published pack, on somebody's explicit request only."""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath

from dataflow.faces.packs.catalog import PublishedPack
from dataflow.faces.packs.manifest import file_sha256
from dataflow.jobs.errors import ConfigurationError, SystemicError

_TIMEOUT_S = 30


def download_networks(pack: PublishedPack, target: Path, by_hand: Path) -> None:
    """Download a pack's zip file and unpack its detector and recogniser.

    Args:
        pack: which one.
        target: folder to put the two files into.
        by_hand: folder to name in the advice for machines without a way to the publisher.

    Raises:
        SystemicError: the download failed; the message says how to do without it.
        ConfigurationError: the publisher's files are not the ones soloface knows.
    """
    names = " and ".join(name for name, _ in pack.files)
    with tempfile.TemporaryFile() as archive:
        try:
            with urllib.request.urlopen(pack.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - https
                shutil.copyfileobj(answer, archive)
        except OSError as error:
            raise SystemicError(
                f"{pack.url} cannot be downloaded: {error}. To install it by hand, unpack that "
                f"file elsewhere, put {names} into {by_hand} and run this command again."
            ) from error
        try:
            _unpack(zipfile.ZipFile(archive), pack, target)
        except zipfile.BadZipFile as error:
            raise SystemicError(f"{pack.url} did not send a zip file.") from error


def _unpack(archive: zipfile.ZipFile, pack: PublishedPack, target: Path) -> None:
    # Some of the zip files have a folder at the top, some have not.
    members = {PurePosixPath(member.filename).name: member for member in archive.infolist()}
    for name, sha256 in pack.files:
        if name in members:
            with archive.open(members[name]) as packed, (target / name).open("wb") as file:
                shutil.copyfileobj(packed, file)
        if file_sha256(target / name) != sha256:
            raise ConfigurationError(
                f"{pack.url} does not hold the {name} that soloface knows; nothing was installed."
            )
