"""Photos that show several faces: what becomes of them if the small ones do not count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from dataflow.faces.face import Box, Embedding
from dataflow.gallery.enrolment import Examiner, Portrait, mean_embedding
from dataflow.gallery.made_up import Vectors

SHARES = (0.25, 0.33, 0.5, 0.67, 0.8)
"""What `MODEL__IGNORE_SMALLER` may be."""

RECOMMENDED = 0.5
"""The largest share at which no group photo was taken for one person's, by docs/enrolment.md."""

HEADINGS = ("MODEL__IGNORE_SMALLER", "photos that would count", "right", "wrong", "not known")


@dataclass(frozen=True, slots=True)
class Crowd:
    """A photo of a person and others. ``share`` is the second-largest face's of the largest."""

    person: str
    share: float
    embedding: Embedding


@dataclass(frozen=True, slots=True)
class Ignoring:
    """What a share comes to: of ``photos`` that would count, how many show their person.

    ``unknown``: the person has no photo without others.
    """

    share: float
    photos: int
    right: int
    wrong: int
    unknown: int


@dataclass(slots=True)
class _Largest:
    """Chooses the largest face, and notes how large the next one is beside it."""

    share: float = 1

    def __call__(self, faces: Sequence[Box], width: float, height: float) -> int:
        del width, height
        order = sorted(range(len(faces)), key=lambda place: -faces[place].long_side)
        largest = faces[order[0]].long_side
        self.share = faces[order[1]].long_side / largest if order[1:] and largest else 1
        return order[0]


def find_crowds(
    photos: Iterable[tuple[str, str]], examiner: Examiner, pool: Executor
) -> list[Crowd]:
    """Look once more at photos that show several faces, each with its person.

    Raises:
        TransientError, SystemicError: the store cannot be read.
    """

    def look(item: tuple[str, str]) -> Crowd | None:
        person, photo = item
        largest = _Largest()
        found = examiner.examine(photo, largest)
        if isinstance(found, Portrait):
            return Crowd(person, largest.share, found.embedding)
        return None

    return [crowd for crowd in pool.map(look, photos) if crowd]


def ignoring(
    crowds: Sequence[Crowd], embeddings: Vectors, people: Sequence[str]
) -> Iterator[Ignoring]:
    """For each share, whether the largest face is nearest to its own person's other photos."""
    if not crowds:
        return
    rows = np.asarray(people, dtype=object)
    names = sorted(set(people))
    means = np.stack([mean_embedding(embeddings[rows == name]) for name in names])
    for share in SHARES:
        freed = [crowd for crowd in crowds if crowd.share < share]
        known = [crowd for crowd in freed if crowd.person in names]
        right = sum(names[int(np.argmax(means @ c.embedding))] == c.person for c in known)
        yield Ignoring(share, len(freed), right, len(known) - right, len(freed) - len(known))


def cells(rows: Iterable[Ignoring]) -> Iterator[tuple[str, ...]]:
    """Cells under :data:`HEADINGS`."""
    for row in rows:
        yield (f"{row.share:g}", *map(str, (row.photos, row.right, row.wrong, row.unknown)))


def advice(rows: Iterable[Ignoring]) -> Iterator[str]:
    """What to set, if any photo gains by it."""
    allowed = [row for row in rows if row.share <= RECOMMENDED]
    good = [row.share for row in allowed if row.photos and not row.wrong]
    if good:
        yield (
            f"Of photos with several faces: SOLOFACE_MODEL__IGNORE_SMALLER={max(good):g} lets the "
            "much larger face count. These photos cannot say how many group photos it would take "
            "for one person's: see docs/enrolment.md"
        )
