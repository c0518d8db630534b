"""A folder of labelled photos, PERSON/photo.jpg, and the faces that a pack finds on them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataflow.enrolment import Refusal
from dataflow.errors import ConfigurationError, DataError
from dataflow.faces.face import Embedding, FacePack
from dataflow.made_up import Vectors
from dataflow.recognition import recognise

LEAST_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class Album:
    """The faces, one row each, whose they are, and the photos that could not be used."""

    embeddings: Vectors
    people: list[str]
    refused: list[Refusal]


def find_photos(folder: Path) -> list[tuple[str, Path]]:
    """The photos with the name of their person: that of the folder they are in.

    Raises:
        ConfigurationError: there is no such folder, or nobody to tell apart.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}")
    people = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        (person.name, photo)
        for person in people
        for photo in sorted(person.iterdir())
        if photo.is_file() and not photo.name.startswith(".")
    ]
    if len({name for name, _ in found}) < LEAST_PEOPLE:
        raise ConfigurationError(
            f"{folder} needs a folder with photos for each of at least two people: PERSON/photo.jpg"
        )
    return found


def embed_album(
    photos: list[tuple[str, Path]], pack: FacePack, max_pixels: int, on_done: Callable[[], None]
) -> Album:
    """Embed every photo that shows exactly one face.

    Raises:
        ConfigurationError: no two photos of one person, or of different people, are left.
    """

    def embed(photo: Path) -> Embedding | Refusal:
        try:
            return recognise(photo.read_bytes(), pack, max_pixels).embedding
        except OSError as error:
            return Refusal(str(photo), "unreadable_file", error.strerror or str(error))
        except DataError as error:
            return Refusal(str(photo), str(error.reason), str(error))
        finally:
            on_done()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = list(pool.map(embed, [photo for _, photo in photos]))
    faces = [
        (name, face)
        for (name, _), face in zip(photos, seen, strict=True)
        if not isinstance(face, Refusal)
    ]
    people = [name for name, _ in faces]
    if len(set(people)) < LEAST_PEOPLE or len(set(people)) == len(people):
        raise ConfigurationError(
            f"{len(faces)} of {len(photos)} photos show one face, of {len(set(people))} people: it "
            "takes two people, and two photos of one of them"
        )
    refused = [one for one in seen if isinstance(one, Refusal)]
    return Album(np.stack([face for _, face in faces]), people, refused)
