"""Reading what pip has installed."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from dataflow.faces.packs.made import Network, Source
from dataflow.jobs.errors import ConfigurationError


def read_packaged(network: Network, pack: str) -> tuple[bytes, Source]:
    """Read the first of a network's files that is installed, without importing any package.

    Args:
        network: what to read.
        pack: which pack it is for.

    Raises:
        ConfigurationError: no package has one of its files; the message names the extra.
    """
    others = []
    for source in network.sources:
        file = _installed(source)
        if file is None:
            continue
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() == source.sha256:
            return data, source
        others.append(str(file))
    if others:
        raise ConfigurationError(
            f"{others[0]} is not the file it should be; install the extra soloface[{pack}] again."
        )
    raise ConfigurationError(
        f"The pack {pack} needs the package {network.sources[0].package}; install the extra "
        f"soloface[{pack}]."
    )


def _installed(source: Source) -> Path | None:
    spec = importlib.util.find_spec(source.folder)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder, source.path)
        if file.is_file():
            return file
    return None
