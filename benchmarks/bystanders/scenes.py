"""Where the faces of labelled photos are, and which of them is the person of the photo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.folders import Photos
from dataflow.faces.face import Box, Embedding, FacePack
from dataflow.gallery.enrolment import mean_embedding
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from dataflow.steps.recognition import recognise


@dataclass(frozen=True, slots=True)
class Scene:
    """A photo with its faces. ``person`` is empty where nobody knows whom it shows.

    ``vectors`` are the faces', as far as they were needed. ``subject`` is the place of the person's
    face: the one that is nearest to the person's photos that show one face. ``None``: there is no
    such photo, or nobody knows the person.
    """

    name: str
    person: str
    path: str
    width: float
    height: float
    faces: Sequence[Box]
    vectors: Sequence[Embedding] = ()
    subject: int | None = None


@dataclass(slots=True)
class _Choice:
    """Chooses a face by its place, and notes what there was to choose from."""

    place: int
    faces: Sequence[Box] = ()
    size: tuple[float, float] = (0, 0)

    def __call__(self, faces: Sequence[Box], width: float, height: float) -> int:
        self.faces, self.size = faces, (width, height)
        return min(self.place, len(faces) - 1)


def look(
    sets: Iterable[Photos], pack: FacePack, max_pixels: int, threads: int, done: Callable[[], None]
) -> list[Scene]:
    """Look at all photos; those without a face are left out.

    Raises:
        OSError: a photo cannot be read.
    """

    def seen(item: tuple[str, str, str]) -> Scene | None:
        name, person, path = item
        try:
            return _seen(Scene(name, person, path, 0, 0, ()), pack, max_pixels)
        except DataError as error:
            if error.reason is Reason.MULTIPLE_FACES:
                raise
            return None
        finally:
            done()

    items = [
        (photos.name, f"{photos.name}/{person}" if person else "", path)
        for photos in sets
        for person, path in zip(
            photos.people or [""] * len(photos.paths), photos.paths, strict=True
        )
    ]
    with ThreadPoolExecutor(threads) as pool:
        scenes = [scene for scene in pool.map(seen, items) if scene]
    return list(_with_subjects(scenes))


def _seen(scene: Scene, pack: FacePack, max_pixels: int) -> Scene:
    data = Path(scene.path).read_bytes()
    choice = _Choice(0)
    vectors = [recognise(data, pack, max_pixels, choose=choice).embedding]
    if scene.person:
        vectors += [
            recognise(data, pack, max_pixels, choose=_Choice(place)).embedding
            for place in range(1, len(choice.faces))
        ]
    width, height = choice.size
    return replace(scene, width=width, height=height, faces=choice.faces, vectors=vectors)


def _with_subjects(scenes: Sequence[Scene]) -> Iterable[Scene]:
    alone: dict[str, list[Embedding]] = defaultdict(list)
    for scene in scenes:
        if scene.person and len(scene.faces) == 1:
            alone[scene.person].extend(scene.vectors)
    means = {person: mean_embedding(vectors) for person, vectors in alone.items()}
    for scene in scenes:
        mean = means.get(scene.person)
        if mean is None:
            yield scene
        else:
            yield replace(scene, subject=int(np.argmax([v @ mean for v in scene.vectors])))
