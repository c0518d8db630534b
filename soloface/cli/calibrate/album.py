"""Photos of people who are known, and the faces that a pack finds on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dataflow.gallery.enrolment import Examined, Examiner, Portrait, Refusal
from dataflow.gallery.made_up import Vectors
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.reason import Reason
from soloface.cli.calibrate.crowds import Crowd, find_crowds
from soloface.cli.frame.output import counted

LEAST_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo and whom it shows. ``photo`` is a path, or ``minio://<bucket>/<key>``."""

    person: str
    photo: str


@dataclass(frozen=True, slots=True)
class Album:
    """The faces, one row each, whose they are, and the photos that could not be used.

    ``crowds`` are those of them that show several faces.
    """

    embeddings: Vectors
    people: list[str]
    refused: list[Refusal]
    crowds: list[Crowd] = field(default_factory=list)


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
    photos: Sequence[Labelled],
    examiner: Examiner,
    threads: int,
    on_done: Callable[[], None],
    *,
    one_photo_will_do: bool = False,
) -> Album:
    """Embed every photo that shows exactly one face.

    Raises:
        ConfigurationError: photos of two people are not left, or no two photos of one, unless
            ``one_photo_will_do``.
        TransientError, SystemicError: the store cannot be read, so nobody knows what is there.
    """

    def examine(photo: Labelled) -> Examined:
        try:
            return examiner.examine(photo.photo)
        finally:
            on_done()

    with ThreadPoolExecutor(threads) as pool:
        seen = list(pool.map(examine, photos))
        several = [
            (photo.person, photo.photo)
            for photo, found in zip(photos, seen, strict=True)
            if isinstance(found, Refusal) and found.reason == Reason.MULTIPLE_FACES
        ]
        crowds = find_crowds(several, examiner, pool)
    faces = [
        (photo.person, found.embedding)
        for photo, found in zip(photos, seen, strict=True)
        if isinstance(found, Portrait)
    ]
    people = [person for person, _ in faces]
    refused = [found for found in seen if isinstance(found, Refusal)]
    only_one_each = len(set(people)) == len(people) and not one_photo_will_do
    if len(set(people)) < LEAST_PEOPLE or only_one_each:
        raise ConfigurationError(
            f"photos that show one face: {len(faces)} of {len(photos)}, of "
            f"{counted(len(set(people)), 'person', 'people')}; calibrate needs two people, and "
            f"two photos of one of them (not with --fpir){_counted(refused)}"
        )
    return Album(np.stack([face for _, face in faces]), people, refused, crowds)


def _counted(refused: Iterable[Refusal]) -> str:
    counts = Counter(refusal.reason for refusal in refused)
    told = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return f"; refused: {told}" if told else ""
