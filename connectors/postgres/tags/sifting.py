"""Looking through all recorded faces, block by block, for those whose answer may change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import numpy as np
from psycopg.rows import TupleRow

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules, policies_of
from connectors.postgres.tags.waiting import Request
from dataflow.faces.face import Embedding
from dataflow.gallery.sifting import may_change

BLOCKS = 8192
"""Blocks of the table that are looked through in one step: 64 MB, some 25,000 faces."""

BLOCKS_FETCHED = 2048
"""The same where the faces in them are fetched, which takes that much memory here."""

BLOCKS_OF_ALL = 128
"""The same where all faces in them are decided again: some 400."""

BLOCKS_OF_BAND = 1024
"""The same where those in a band of distances are decided again, and that may be most of them."""

FEW = 8
"""So many users are compared where the faces are, as many as `sift_faces.sql` has places for.

Of more, the faces are fetched and compared here, with all of them at once.
"""

_NO_BOUND = float("inf")


@dataclass(frozen=True, slots=True)
class Blocks:
    """The next blocks of the table of faces, and the contract of the faces that count."""

    model: str
    first: int
    end: int

    @classmethod
    def after(
        cls, place: int, total: int, model: str, users: int | None, *, band: bool = False
    ) -> Self:
        """As many as one step takes that compares them with so many users; ``None``: with all.

        ``band``: those in a band of distances are decided again too.
        """
        few = BLOCKS_OF_ALL if users is None else BLOCKS
        size = BLOCKS_FETCHED if users and users > FEW else few
        size = min(size, BLOCKS_OF_BAND) if band else size
        return cls(model, place, min(place + size, total))

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements that look there."""
        return {"model": self.model, "first": self.first, "end": self.end}


@dataclass(frozen=True, slots=True)
class Bands:
    """Distances greater than one and not greater than another: for all faces, and by gallery.

    The empty gallery stands for faces that belong to none.
    """

    galleries: Mapping[str | None, tuple[float, float]]

    @classmethod
    def around(cls, requests: Sequence[Request]) -> Self | None:
        """For each gallery one that holds all of some requests' bands; ``None``: there are none."""
        found: dict[str | None, tuple[float, float]] = {}
        for request in requests:
            above = -_NO_BOUND if request.above is None else request.above
            upto = _NO_BOUND if request.upto is None else request.upto
            low, high = found.get(request.gallery, (above, upto))
            found[request.gallery] = min(low, above), max(high, upto)
        return cls(found) if found else None

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statement that looks for them."""
        of_all = self.galleries.get(None, (None, None))
        named = [(name, *ends) for name, ends in self.galleries.items() if name is not None]
        names, lows, highs = zip(*named, strict=True) if named else ((), (), ())
        return {
            "galleries": list(names),
            "above": list(lows),
            "upto": list(highs),
            "all_above": of_all[0],
            "all_upto": of_all[1],
        }


@dataclass(frozen=True, slots=True)
class Changed:
    """Users who changed, each in one gallery or wherever they belong, and where they are compared.

    ``vectors`` are those of the users who have one, by the gallery of the faces with which they are
    compared; ``None``: with faces that belong to none. ``reach`` is how far a user is of interest
    there.
    """

    model: str
    user_ids: Sequence[UUID]
    galleries: Sequence[str | None]
    vectors: Mapping[str | None, Sequence[Embedding]]
    reach: Mapping[str | None, float]

    @classmethod
    def of(cls, connection: Connection, requests: Sequence[Request], rules: Rules) -> Self:
        """Look their vectors up."""
        user_ids = [request.user_id for request in requests if request.user_id]
        galleries = [request.gallery for request in requests if request.user_id]
        asked = {"user_ids": user_ids, "galleries": galleries, "model": rules.model}
        vectors = defaultdict[str | None, list[Embedding]](list)
        for gallery, vector in connection.execute(query("changed_users"), asked, binary=True):
            # On faces that belong to none nobody is looked for where a gallery is required.
            if gallery is not None or not rules.policy.gallery_required:
                vectors[gallery].append(vector.to_numpy())
        limits = policies_of(connection, rules, vectors.keys())
        reach = {gallery: limits.of(gallery).reach for gallery in vectors}
        return cls(rules.model, user_ids, galleries, vectors, reach)

    def tagged(self, connection: Connection) -> list[UUID]:
        """The photos on which they are tagged, named by somebody's word, or were nearest."""
        asked = {"user_ids": self.user_ids, "galleries": self.galleries, "model": self.model}
        return _photos(connection, query("photos_of_users"), asked)

    def photos(self, connection: Connection, blocks: Blocks) -> list[UUID]:
        """The photos in some blocks whose answer they change by being near now."""
        if not self.vectors:
            return []
        if len(self.vectors) > FEW or max(map(len, self.vectors.values())) > FEW:
            return self._compared_here(connection, blocks)
        found: list[UUID] = []
        for gallery, vectors in self.vectors.items():
            reach = None if self.reach[gallery] == _NO_BOUND else self.reach[gallery]
            asked = {"vectors": list(vectors), "reach": reach, "gallery": gallery}
            # A plan for any values cannot leave out the places that are empty: half as slow again.
            text = query("sift_faces")
            found += _photos(connection, text, blocks.parameters | asked, prepare=False)
        return found

    def _compared_here(self, connection: Connection, blocks: Blocks) -> list[UUID]:
        names = [gallery for gallery in self.vectors if gallery is not None]
        asked = blocks.parameters | {"galleries": names, "without": None in self.vectors}
        faces = defaultdict[str | None, list[TupleRow]](list)
        for *face, gallery in connection.execute(query("vectors_in_blocks"), asked, binary=True):
            faces[gallery].append(tuple(face))
        found: list[UUID] = []
        for gallery, rows in faces.items():
            photo_ids, vectors, distances = zip(*rows, strict=True)
            bounds = np.array([_NO_BOUND if d is None else d for d in distances])
            stacked = np.stack([vector.to_numpy() for vector in vectors])
            users = np.stack(self.vectors[gallery])
            concerned = may_change(stacked, bounds, users, self.reach[gallery])
            found += [photo_ids[index] for index in np.flatnonzero(concerned)]
        return list(dict.fromkeys(found))


def photos_since(connection: Connection, blocks: Blocks, since: datetime | None) -> list[UUID]:
    """The photos in some blocks, all or those whose face was recorded or changed since then."""
    return _photos(connection, query("faces_in_blocks"), blocks.parameters | {"since": since})


def photos_in_bands(connection: Connection, blocks: Blocks, bands: Bands) -> list[UUID]:
    """The photos in some blocks with a face whose nearest user lies in a band, or is not known."""
    return _photos(connection, query("faces_in_bands"), blocks.parameters | bands.parameters)


def _photos(
    connection: Connection,
    text: LiteralString,
    asked: dict[str, Any],
    *,
    prepare: bool | None = None,
) -> list[UUID]:
    return [photo_id for (photo_id,) in connection.execute(text, asked, prepare=prepare)]
