"""The faces that a pack finds on the photos of a set, and what it refuses, by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.cache import Cache, Seen
from benchmarks.accuracy.folders import Photos
from dataflow.gallery.enrolment import Examiner, Portrait, Refusal
from dataflow.gallery.made_up import Vectors


@dataclass(frozen=True)
class Faces:
    """The photos that show one face: a vector, a person and a path for each.

    ``offered`` counts all photos of the set; ``refused`` those that cannot be used, by reason code.
    """

    name: str
    embeddings: Vectors
    people: Sequence[str]
    paths: Sequence[str]
    offered: int
    refused: Mapping[str, int]

    @cached_property
    def names(self) -> list[str]:
        """The people, each once, in order."""
        return sorted(set(self.people))

    @cached_property
    def owners(self) -> NDArray[np.intp]:
        """For each photo the place of its person in :attr:`names`."""
        places = {name: place for place, name in enumerate(self.names)}
        return np.array([places[person] for person in self.people], np.intp)

    def renamed(self, same: Mapping[str, str]) -> Faces:
        """With people who are known under another name, of another set, called by that."""
        return replace(self, people=[same.get(person, person) for person in self.people])

    def of(self, paths: set[str]) -> Faces:
        """Only the faces on some of the photos."""
        return self._kept([place for place, path in enumerate(self.paths) if path in paths])

    def having(self, photos: int) -> Faces:
        """Only the people who have so many photos."""
        counts = Counter(self.people)
        return self._kept([n for n, person in enumerate(self.people) if counts[person] >= photos])

    def _kept(self, kept: Sequence[int]) -> Faces:
        return Faces(
            self.name,
            self.embeddings[list(kept)],
            [self.people[place] for place in kept],
            [self.paths[place] for place in kept],
            len(kept),
            {},
        )


def look(
    photos: Photos,
    examiner: Examiner,
    cache: Cache,
    threads: int,
    on_done: Callable[[], None] = lambda: None,
) -> Faces:
    """Look at every photo of a set, as the worker would.

    Raises:
        TransientError, SystemicError: a photo cannot be read, so nobody knows what is there.
    """

    def seen(path: str) -> Seen:
        sha256 = examiner.hash(path)
        found = cache.get(sha256)
        if found is None:
            examined = examiner.examine(path)
            match examined:
                case Portrait():
                    found = Seen("", examined.embedding)
                case Refusal():
                    found = Seen(examined.reason)
            if examined.sha256:
                cache.put(sha256, found)
        on_done()
        return found

    with ThreadPoolExecutor(threads) as pool:
        all_seen = list(pool.map(seen, photos.paths))
    good = [place for place, found in enumerate(all_seen) if found.embedding is not None]
    vectors = [found.embedding for found in all_seen if found.embedding is not None]
    people = photos.people or [""] * len(photos.paths)
    return Faces(
        photos.name,
        np.stack(vectors) if vectors else np.empty((0, 1), np.float32),
        [f"{photos.name}/{people[place]}" for place in good] if photos.people else [],
        [photos.paths[place] for place in good],
        len(photos.paths),
        Counter(found.reason for found in all_seen if found.reason),
    )


def together(groups: Sequence[Faces]) -> Faces:
    """All sets as one. People of one name are one person, whichever sets they are in."""
    refused: Counter[str] = Counter()
    for group in groups:
        refused.update(group.refused)
    return Faces(
        "all together",
        np.concatenate([group.embeddings for group in groups]),
        [person for group in groups for person in group.people],
        [path for group in groups for path in group.paths],
        sum(group.offered for group in groups),
        refused,
    )
