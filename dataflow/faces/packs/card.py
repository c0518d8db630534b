"""What somebody should know of a pack before using it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataflow.faces.packs.catalog import INSTALLABLE, PUBLISHED, PublishedPack
from dataflow.faces.packs.far_table import far_table_of_networks
from dataflow.faces.packs.gap_table import gap_table_of_networks
from dataflow.faces.packs.loading import InstalledPack, installed_packs
from dataflow.faces.packs.made import (
    DIMENSION,
    FINDS_FACES,
    MADE,
    MAKES_VECTORS,
    MadePack,
    Network,
)
from dataflow.faces.packs.notices import notice_of
from dataflow.jobs.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Part:
    """A network of a pack: the file that it comes from, and that file's sha256 in hex."""

    name: str
    task: str
    licence: str
    origin: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class FarPoint:
    """The distance that keeps to a false accept rate in the population where it is smallest.

    It is between two vectors that are means of so many ``photos``. ``low`` and ``high`` are the
    ends of its 95 % interval; ``extrapolated``: too few pairs of strangers were at hand to count.
    """

    photos: tuple[int, int]
    far: float
    distance: float
    low: float
    high: float
    extrapolated: bool
    population: str


@dataclass(frozen=True, slots=True)
class GapPoint:
    """By how much less far than the next ones the nearest of so many users seldom is by chance."""

    users: int
    gap: float


@dataclass(frozen=True, slots=True)
class Card:
    """A pack, installed in ``folder`` or not.

    ``threshold`` is the cosine distance up to which it takes two faces for one person. ``known``
    are sentences about how well it does, ``notice`` is what must be passed on with its networks.
    ``fars`` and ``gaps`` are the tables that limits follow from; they are empty where nothing was
    measured with its recogniser.
    """

    name: str
    folder: Path | None
    dimension: int
    threshold: float
    licence: str
    parts: tuple[Part, ...]
    known: tuple[str, ...] = ()
    notice: str | None = None
    fars: tuple[FarPoint, ...] = ()
    gaps: tuple[GapPoint, ...] = ()


def card(name: str, root: Path) -> Card:
    """Describe a pack by its name.

    Raises:
        ConfigurationError: it is neither installed nor known, or a manifest is damaged.
    """
    installed = {pack.manifest.name: pack for pack in installed_packs(root)}.get(name)
    if name in MADE:
        return _of_made(MADE[name], installed)
    if name in PUBLISHED:
        return _of_published(PUBLISHED[name], installed)
    if installed is None:
        raise ConfigurationError(f"There is no pack {name}; known are {', '.join(INSTALLABLE)}.")
    return _of_folder(installed)


def _of_made(pack: MadePack, installed: InstalledPack | None) -> Card:
    made_from = set(installed.manifest.made_from.values()) if installed else set()
    sources = [
        (network.name, source.sha256) for network in pack.networks for source in network.sources
    ]
    return Card(
        name=pack.name,
        folder=installed.folder if installed else None,
        dimension=DIMENSION,
        threshold=pack.threshold,
        licence=pack.licence,
        parts=tuple(_part(network, made_from) for network in pack.networks),
        known=pack.known,
        notice=notice_of(pack.name),
        fars=_fars(sources),
        gaps=_gaps(sources),
    )


def _fars(networks: Sequence[tuple[str, str]]) -> tuple[FarPoint, ...]:
    table = far_table_of_networks(networks)
    if table is None:
        return ()
    return tuple(
        FarPoint(
            photos,
            point.far,
            point.distance,
            point.low,
            point.high,
            point.extrapolated,
            point.population,
        )
        for photos, one in {(1, 1): table, **table.several}.items()
        for point in one.points
    )


def _gaps(networks: Sequence[tuple[str, str]]) -> tuple[GapPoint, ...]:
    table = gap_table_of_networks(networks)
    return tuple(GapPoint(point.users, point.gap) for point in table.points) if table else ()


def _part(network: Network, made_from: set[str]) -> Part:
    """A network with the file that it was made from, or would be."""
    used = [source for source in network.sources if source.sha256 in made_from]
    source = (used or network.sources)[0]
    origin = f"the package {source.package}"
    return Part(network.name, network.task, network.licence, origin, source.path, source.sha256)


def _of_published(pack: PublishedPack, installed: InstalledPack | None) -> Card:
    return Card(
        name=pack.name,
        folder=installed.folder if installed else None,
        dimension=pack.dimension,
        threshold=pack.threshold,
        licence=pack.licence,
        parts=tuple(
            Part(file, task, pack.licence, pack.url, file, sha256)
            for task, (file, sha256) in zip((FINDS_FACES, MAKES_VECTORS), pack.files, strict=True)
        ),
    )


def _of_folder(pack: InstalledPack) -> Card:
    told = pack.manifest
    return Card(
        name=told.name,
        folder=pack.folder,
        dimension=told.dimension,
        threshold=told.threshold,
        licence=told.licence,
        parts=tuple(
            Part(file, "", told.licence, told.source, file, sha256)
            for file, sha256 in told.files.items()
        ),
        fars=_fars(told.identity),
        gaps=_gaps(told.identity),
    )
