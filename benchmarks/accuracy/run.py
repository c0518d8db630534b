"""All packs on all sets, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.accuracy.by_user import ByUser, by_user
from benchmarks.accuracy.cache import Cache
from benchmarks.accuracy.crossing import (
    Crossed,
    Neighbours,
    Unlike,
    crossed,
    most_unlike,
    nearest_people,
)
from benchmarks.accuracy.faces import Faces, look, together
from benchmarks.accuracy.far_table import Limit, PhotoCounts, Population, population, worst
from benchmarks.accuracy.folders import Photos
from benchmarks.accuracy.galleries import Compared, Held, carried, compared, derived, sizes
from benchmarks.accuracy.judging import LEAST_PEOPLE, Judged, compare, judge
from benchmarks.accuracy.means import tables
from benchmarks.accuracy.resampling import Figure
from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.faces.packs.loading import load_pack
from dataflow.gallery.enrolment import Examiner
from dataflow.settings import Settings

MAX_FPIR = 0.01
"""Of strangers' photos, for limits that are made on other photos."""

_NEIGHBOURS = 5
_UNLIKE = 3

Tell = Callable[[str], None]


@dataclass(frozen=True)
class PackFaces:
    """What a pack found on all sets."""

    pack: str
    contract: str
    threshold: float
    groups: Sequence[Faces]

    @property
    def name(self) -> str:
        """For a page: of a folder its last part."""
        return Path(self.pack).name

    def renamed(self, same: Mapping[str, str]) -> PackFaces:
        """With people who are in two sets called by the name that counts."""
        return replace(self, groups=[faces.renamed(same) for faces in self.groups])

    @property
    def labelled(self) -> list[Faces]:
        """The sets whose people are known, and enough."""
        return [faces for faces in self.groups if len(faces.names) >= LEAST_PEOPLE]


@dataclass(frozen=True)
class PackResult:
    """Everything about one pack. ``judged`` has all sets together last, where there are several.

    ``several`` has the worst population's limits between means of so many photos.
    """

    faces: PackFaces
    judged: Sequence[Judged]
    crossed: Sequence[Crossed]
    neighbours: Sequence[Neighbours]
    unlike: Sequence[Unlike]
    populations: Sequence[Population]
    several: Mapping[PhotoCounts, Sequence[Limit]]
    compared: Sequence[Compared]
    carried: Sequence[Held]
    derived: Sequence[Held]
    by_user: Sequence[ByUser]

    @property
    def sets(self) -> list[Population]:
        """The populations, without all of them together."""
        names = {faces.name for faces in self.faces.labelled}
        return [one for one in self.populations if one.name in names]


@dataclass(frozen=True)
class Ahead:
    """By how much a pack is above the first one, by set and measure."""

    pack: str
    over: str
    differences: Mapping[str, Mapping[str, Figure]]


def look_at(
    pack: str, sets: Sequence[Photos], settings: Settings, cache: Path | None, tell: Tell
) -> PackFaces:
    """Look at all photos with one pack; a cache is a folder.

    Raises:
        ConfigurationError: there is no such pack, or the cache cannot be used.
    """
    loaded = load_pack(settings.model.model_copy(update={"pack": pack}))
    pixels = settings.images.max_pixels
    examiner = Examiner(loaded, EnrolmentPhotos(settings).read, pixels, quality="off")
    name = f"{loaded.contract.id}-{settings.model.ignore_smaller:g}-{pixels}.npz"
    remembered = Cache(cache / name if cache else None)
    threads = settings.worker.cores or len(os.sched_getaffinity(0))
    groups = []
    for photos in sets:
        tell(f"{pack}: looking at {photos.name}")
        groups.append(look(photos, examiner, remembered, threads))
        remembered.save()
    return PackFaces(pack, loaded.contract.id, loaded.threshold, groups)


def judge_pack(found: PackFaces, tell: Tell) -> PackResult:
    """Judge one pack on all sets, and on all of them together."""
    groups = found.labelled
    tell(f"{found.pack}: comparing all")
    everybody = together(groups) if len(groups) > 1 else None
    whole = judge(everybody, found.threshold) if everybody else None
    shape = whole.verification.shape if whole else None
    judged = []
    for faces in groups:
        tell(f"{found.pack}: comparing {faces.name}")
        judged.append(judge(faces, found.threshold, shape))
    usable = [one for one in judged if one]
    populations = [population(one) for one in usable]
    groups = [one.faces for one in usable]
    wanted = [*groups, *([everybody] if everybody and whole else [])]
    tell(f"{found.pack}: comparing limits")
    limits = worst(populations)
    several = tables(groups, limits, shape)
    return PackResult(
        found,
        [*usable, *([whole] if whole else [])],
        crossed(groups, found.threshold),
        nearest_people(everybody, _NEIGHBOURS) if everybody else [],
        most_unlike(everybody, _UNLIKE) if everybody else [],
        populations + ([population(whole)] if whole else []),
        several,
        [
            row
            for faces in wanted
            for size in sizes(len(faces.names))
            for row in compared(faces, size)
        ],
        carried(groups, MAX_FPIR) if len(groups) > 1 else [],
        [row for faces in wanted if limits for row in derived(faces, limits, several, MAX_FPIR)],
        [row for faces in wanted if (row := by_user(faces, limits, several, MAX_FPIR))],
    )


def ahead(first: PackFaces, other: PackFaces, tell: Tell) -> Ahead:
    """Compare two packs on the same photos, set by set."""
    both = list(zip(first.groups, other.groups, strict=True))
    labelled = [pair for pair in both if min(len(faces.names) for faces in pair) >= LEAST_PEOPLE]
    if len(labelled) > 1:
        labelled.append(
            (
                together([one for one, _ in labelled]),
                together([two for _, two in labelled]),
            )
        )
    differences = {}
    for mine, theirs in labelled:
        tell(f"{other.pack} beside {first.pack}: {mine.name}")
        differences[mine.name] = compare(theirs, mine)
    return Ahead(other.name, first.name, differences)


@dataclass(slots=True)
class Run:
    """Everything of one run."""

    sets: Sequence[Photos]
    packs: list[PackResult] = field(default_factory=list)
    ahead: list[Ahead] = field(default_factory=list)
