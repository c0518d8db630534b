"""Looking at labelled photos, and at worse versions of them, as the worker does, and measuring."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.cache import Cache, Seen
from benchmarks.accuracy.faces import Faces
from benchmarks.enrolment.changes import changes
from benchmarks.enrolment.pictures import MEASURES, Pictures
from dataflow.faces.alignment import align
from dataflow.faces.contract import Contract
from dataflow.faces.face import BgrImage, Embedding, Face, Quality
from dataflow.faces.packs.pack import NetworkPack
from dataflow.jobs.errors import DataError
from dataflow.settings.procedure import Procedure
from dataflow.steps.recognition import recognise
from soloface.cli.demo.changes import Change

_BOTH = 2
"""The refined landmarks lie half way to what the refiner saw."""

_POINTS = 10
_SEED = 5


@dataclass
class Watched:
    """A pack that remembers how it came to a vector; for one photo."""

    pack: NetworkPack
    width: int = 0
    landmarks: NDArray[np.float32] = field(default_factory=lambda: np.zeros((5, 2), np.float32))
    apart: float = 0
    length: float = 0

    @property
    def contract(self) -> Contract:
        """That of the pack."""
        return self.pack.contract

    @property
    def threshold(self) -> float:
        """That of the pack."""
        return self.pack.threshold

    @property
    def procedure(self) -> Procedure:
        """That of the pack."""
        return self.pack.procedure

    def detect(self, image: BgrImage) -> list[Face]:
        """As the pack does."""
        return self.pack.detect(image)

    def magnification(self, face: Face) -> float:
        """As the pack has it."""
        return self.pack.magnification(face)

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        """As the pack does, and remember."""
        self.landmarks, self.width = face.landmarks, image.shape[1]
        if self.pack.refiner:
            self.landmarks = self.pack.refiner.refined(image, face.landmarks)
        moved = _BOTH * np.linalg.norm(self.landmarks - face.landmarks, axis=1)
        eyes = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
        self.apart = float(np.sqrt(np.mean(moved**2)) / eyes)
        chip = align(image, self.landmarks, self.pack.template)
        raw = self.pack.recogniser.features(chip).astype(np.float32).ravel()
        self.length = float(np.linalg.norm(raw))
        return np.asarray(raw / np.float32(self.length), np.float32)


class Viewer:
    """Looks at photos. ``cache`` keeps what was seen, by the photo's sha256 and the change."""

    def __init__(self, pack: NetworkPack, max_pixels: int, cache: Cache) -> None:
        self._pack = pack
        self._max_pixels = max_pixels
        self._cache = cache

    def view(self, groups: Sequence[Faces], threads: int, on_done: Callable[[], None]) -> Pictures:
        """All photos with one face, and worse versions of one photo of whoever has several."""
        shown = [
            (person, path)
            for faces in groups
            for person, path in zip(faces.people, faces.paths, strict=True)
        ]
        worsened = chosen(shown)

        def seen(photo: tuple[str, str]) -> list[tuple[str, str, str, Embedding]]:
            person, path = photo
            looks = self._seen(path, with_changes=path in worsened)
            found = [(person, path, change, numbers) for change, numbers in looks]
            on_done()
            return found

        with ThreadPoolExecutor(threads) as pool:
            rows = [row for found in pool.map(seen, shown) for row in found]
        self._cache.save()
        people, paths, names, numbers = zip(*rows, strict=True)
        table = np.stack(numbers)[:, :-_POINTS]
        measures = table[:, -len(MEASURES) :].astype(np.float64)
        return Pictures(table[:, : -len(MEASURES)], measures, people, paths, names)

    def _seen(self, path: str, *, with_changes: bool) -> Iterator[tuple[str, Embedding]]:
        data = Path(path).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        numbers = self._remembered(sha256, lambda: data)
        if numbers is None:
            return
        yield "", numbers
        if with_changes:
            for name, change in changes(numbers[-_POINTS:].reshape(5, 2)):
                worse = self._remembered(f"{sha256} {name}", partial(_after, change, data))
                if worse is not None:
                    yield name, worse

    def _remembered(self, key: str, photo: Callable[[], bytes]) -> Embedding | None:
        seen = self._cache.get(key)
        if seen is None:
            seen = self._look(photo())
            self._cache.put(key, seen)
        return seen.embedding

    def _look(self, data: bytes) -> Seen:
        watched = Watched(self._pack)
        try:
            face = recognise(data, watched, self._max_pixels)
        except DataError as error:
            return Seen(str(error.reason))
        quality = face.quality
        assert isinstance(quality, Quality)  # noqa: S101 - recognise() measures
        measured = (
            quality.score,
            quality.eye_distance_px,
            quality.sharpness,
            quality.brightness,
            abs(quality.yaw_deg),
            abs(quality.pitch_deg),
            watched.length,
            watched.apart,
        )
        points = watched.landmarks.ravel() * (_decoded(data).shape[1] / watched.width)
        row = np.concatenate([face.embedding, np.array(measured, np.float32), points])
        return Seen("", row.astype(np.float32))


def chosen(shown: Sequence[tuple[str, str]]) -> set[str]:
    """One photo of each person who has several, always the same one."""
    by_person: dict[str, list[str]] = {}
    for person, path in shown:
        by_person.setdefault(person, []).append(path)
    rng = np.random.default_rng(_SEED)
    return {paths[rng.integers(len(paths))] for paths in by_person.values() if len(paths) > 1}


def _after(change: Change, photo: bytes) -> bytes:
    return change(_decoded(photo))


def _decoded(photo: bytes) -> BgrImage:
    """At full size, as it lies; the labelled photos have no other orientation."""
    return np.asarray(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR), np.uint8)
