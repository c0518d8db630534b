"""Photos of people who are known, and the faces that a pack finds on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataflow.gallery.enrolment import Examined, Examiner, Portrait, Refusal
from dataflow.gallery.made_up import Vectors
from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.output import counted

LEAST_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo and whom it shows. ``photo`` is a path, or ``minio://<bucket>/<key>``."""

    person: str
    photo: str


@dataclass(frozen=True, slots=True)
class Album:
    """The faces, one row each, whose they are, and the photos that could not be used."""

    embeddings: Vectors
    people: list[str]
    refused: list[Refusal]


def find_photos(folder: Path) -> list[Labelled]:
    """The photos with the name of their person: that of the folder they are in.

    Raises:
        ConfigurationError: there is no such folder, or nobody to tell apart.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}")
    people = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        Labelled(person.name, str(photo))
        for person in people
        for photo in sorted(person.iterdir())
        if photo.is_file() and not photo.name.startswith(".")
    ]
    if len({photo.person for photo in found}) < LEAST_PEOPLE:
        raise ConfigurationError(
            f"{folder} needs a folder with photos for each of at least two people: PERSON/photo.jpg"
        )
    return found


def embed_album(
    photos: Sequence[Labelled], examiner: Examiner, threads: int, on_done: Callable[[], None]
) -> Album:
    """Embed every photo that shows exactly one face.

    Raises:
        ConfigurationError: no two photos of one person, or of different people, are left.
        TransientError, SystemicError: the store cannot be read, so nobody knows what is there.
    """

    def examine(photo: Labelled) -> Examined:
        try:
            return examiner.examine(photo.photo)
        finally:
            on_done()

    with ThreadPoolExecutor(threads) as pool:
        seen = list(pool.map(examine, photos))
    faces = [
        (photo.person, found.embedding)
        for photo, found in zip(photos, seen, strict=True)
        if isinstance(found, Portrait)
    ]
    people = [person for person, _ in faces]
    refused = [found for found in seen if isinstance(found, Refusal)]
    if len(set(people)) < LEAST_PEOPLE or len(set(people)) == len(people):
        raise ConfigurationError(
            f"photos that show one face: {len(faces)} of {len(photos)}, of "
            f"{counted(len(set(people)), 'person', 'people')}; calibrate needs two people, and "
            f"two photos of one of them{_counted(refused)}"
        )
    return Album(np.stack([face for _, face in faces]), people, refused)


def _counted(refused: Iterable[Refusal]) -> str:
    counts = Counter(refusal.reason for refusal in refused)
    told = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return f"; refused: {told}" if told else ""
