"""Whether speed changed an answer: the fast way with a photo beside the plain one.

The plain way is ``reference`` mode for an insightface pack; for `open`, which insightface cannot
load, it is the same pack on photos that are decoded whole and looked at 640 pixels wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.photos import SIZES, beside
from dataflow.faces.face import Embedding, FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from dataflow.settings import OPEN_PACK, ModelSettings
from dataflow.steps.recognition import recognise
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import CAT, ENROLLED, GROUP, LANDSCAPE, STRANGERS, load_picture

_MAX_PIXELS = 100_000_000
_WHOLE = 100_000
_RESAMPLES = 1000
_PACKAGES = ("insightface", "skimage")
_NO_FACE = ("coffee.png", "brick.png", "grass.png", "gravel.png", "moon.png", "coins.png")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo; ``person`` is who is on it, ``count`` is 0, 1, 2 for several, None for unknown."""

    image: bytes
    person: str | None
    count: int | None


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its bootstrap interval of 95 %, people drawn with replacement."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verification:
    """How well distances tell people apart: 0.5 to 1, and the error rate where both are equal."""

    auc: Interval
    eer: Interval


@dataclass(frozen=True, slots=True)
class Answers:
    """What both ways say of the same photos.

    ``counts_right`` of each are of the photos whose number of faces is known; ``same_count`` and
    ``photos`` are over all photos. ``same_decision`` of ``pairs`` are at the pack's threshold;
    ``similarity`` is the cosine of a photo's two vectors: mean, and the lowest of 20.
    """

    pack: str
    photos: int
    labelled: int
    same_count: int
    counts_right: tuple[int, int]
    pairs: int
    same_decision: int
    similarity: tuple[float, float]
    fast: Verification
    plain: Verification


def measure(
    pack: str, fast: ModelSettings, scenes_of_people: int, done: Callable[[], None]
) -> Answers:
    """Look at every photo in both ways."""
    mode = {"preview_px": _WHOLE, "detection_px": (640,)}
    plain = fast.model_copy(update=mode if fast.pack == OPEN_PACK else {"mode": "reference"})
    packs = load_pack(fast), load_pack(plain)
    photos = list(labelled_photos(scenes_of_people))
    seen: list[tuple[tuple[int, Embedding | None], ...]] = []
    for photo in photos:
        seen.append(tuple(_look(photo.image, each) for each in packs))
        done()
    known = [(p.count, s) for p, s in zip(photos, seen, strict=True) if p.count is not None]
    people, vectors = [], []
    for photo, ((_, one), (_, other)) in zip(photos, seen, strict=True):
        if photo.person and one is not None and other is not None:
            people.append(photo.person)
            vectors.append((one, other))
    arrays = np.array(vectors)
    names = np.array(people)
    decided = [_distances(arrays[:, way]) <= packs[0].threshold for way in (0, 1)]
    upper = np.triu_indices(len(names), 1)
    similarity = np.sum(arrays[:, 0] * arrays[:, 1], axis=1)
    return Answers(
        pack=pack,
        photos=len(photos),
        labelled=len(known),
        same_count=sum(one[0] == other[0] for one, other in seen),
        counts_right=(
            sum(count == s[0][0] for count, s in known),
            sum(count == s[1][0] for count, s in known),
        ),
        pairs=len(upper[0]),
        same_decision=int((decided[0] == decided[1])[upper].sum()),
        similarity=(float(similarity.mean()), float(np.percentile(similarity, 5))),
        fast=verification(_distances(arrays[:, 0]), names),
        plain=verification(_distances(arrays[:, 1]), names),
    )


def _look(image: bytes, pack: FacePack) -> tuple[int, Embedding | None]:
    """The class of the number of faces, and the vector where there is one."""
    try:
        return 1, recognise(image, pack, _MAX_PIXELS).embedding
    except DataError as error:
        return {Reason.NO_FACE: 0, Reason.MULTIPLE_FACES: 2}.get(error.reason, -1), None


def labelled_photos(scenes_of_people: int) -> Iterator[Labelled]:
    """Every photo that is there to be had: of the demo, and in packages that are installed.

    Args:
        scenes_of_people: of how many people photos of 2 and 12 megapixels are made as well.
    """
    everybody = (*ENROLLED, *STRANGERS)
    for person in everybody:
        portrait = person.portrait()
        yield Labelled(jpeg(portrait), person.name, 1)
        for change in CHANGES.values():
            yield Labelled(change(portrait), person.name, 1)
    for number, person in enumerate(everybody[:scenes_of_people]):
        for size in (SIZES["2 MP"], SIZES["12 MP"]):
            backdrop = cv2.resize(load_picture(LANDSCAPE), size, interpolation=cv2.INTER_CUBIC)
            for share in (0.5, 0.2):
                scene = beside(np.asarray(backdrop, np.uint8), person.portrait(), number, share)
                yield Labelled(jpeg(scene), person.name, 1)
    group = load_picture(GROUP)
    width = group.shape[1]
    for crowd in (group, group[:, : width // 2], group[:, width // 2 :]):
        yield Labelled(jpeg(np.ascontiguousarray(crowd)), None, 2)
    yield Labelled(jpeg(load_picture(CAT)), None, 0)
    yield Labelled(jpeg(load_picture(LANDSCAPE)), None, 0)
    for path in packaged_pictures():
        yield Labelled(path.read_bytes(), None, 0 if path.name in _NO_FACE else None)


def packaged_pictures() -> Iterator[Path]:
    """The pictures inside installed packages that hold any photos."""
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder, "data").rglob("*")):
                if path.suffix in {".jpg", ".jpeg", ".png"}:
                    yield path


def _distances(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 - vectors @ vectors.T, np.float32)


def verification(distances: NDArray[np.float32], people: NDArray[np.str_]) -> Verification:
    """AUC and EER over all pairs, with intervals over people."""
    random = np.random.default_rng(seed=3)
    names = np.unique(people)
    places = {name: np.flatnonzero(people == name) for name in names}
    auc, eer = _rates(distances, people)
    resampled = []
    for _ in range(_RESAMPLES):
        drawn = random.choice(names, len(names))
        rows = np.concatenate([places[name] for name in drawn])
        draw = np.concatenate([[i] * len(places[name]) for i, name in enumerate(drawn)])
        # Who is drawn twice makes pairs within each draw, and none between the two.
        same = people[rows][:, None] == people[rows][None, :]
        twice = same & (draw[:, None] != draw[None, :])
        resampled.append(_rates(np.where(twice, np.nan, distances[np.ix_(rows, rows)]), draw))
    low, high = np.nanpercentile(np.array(resampled), (2.5, 97.5), axis=0)
    return Verification(
        Interval(auc, float(low[0]), float(high[0])), Interval(eer, float(low[1]), float(high[1]))
    )


def _rates(distances: NDArray[np.float32], people: NDArray[Any]) -> tuple[float, float]:
    rows, columns = np.triu_indices(len(people), 1)
    pairs = distances[rows, columns]
    same = (people[rows] == people[columns])[~np.isnan(pairs)]
    pairs = pairs[~np.isnan(pairs)]
    genuine, impostor = np.sort(pairs[same]), np.sort(pairs[~same])
    if not genuine.size or not impostor.size:
        return float("nan"), float("nan")
    below = np.searchsorted(impostor, genuine, "left") + np.searchsorted(impostor, genuine, "right")
    auc = 1 - below.mean() / 2 / impostor.size
    limits = np.unique(pairs)
    misses = 1 - np.searchsorted(genuine, limits, "right") / genuine.size
    alarms = np.searchsorted(impostor, limits, "right") / impostor.size
    nearest = int(np.argmin(np.abs(misses - alarms)))
    return float(auc), float((misses[nearest] + alarms[nearest]) / 2)
