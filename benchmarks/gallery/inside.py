"""Searching inside galleries of a few members among many users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from benchmarks.gallery.crowds import MODEL
from benchmarks.gallery.database import Gallery
from benchmarks.gallery.line import Line, line
from benchmarks.gallery.remembering import remembered, searcher
from connectors.postgres.gallery.proof import BATCH, Sample, Search
from connectors.postgres.gallery.search import ask_members, collected
from connectors.postgres.session import Connection
from dataflow.faces.face import Embedding
from dataflow.steps.matching import Candidate


@dataclass(frozen=True, slots=True)
class Inside:
    """One size: so many users, and what the worker's search inside a gallery of them costs."""

    users: int
    lines: Sequence[Line]


def inside(gallery: Gallery, count: int, members: int) -> Inside:
    """Search for faces in galleries: each batch of one gallery, then each face of another one.

    Every gallery has the users of a batch's faces, the right answers, and others drawn at random.
    """
    probes = gallery.probes(count)
    places = _fill(gallery.connection, probes, gallery.crowd.users, members)
    together = {face.tobytes(): place // BATCH for place, face in enumerate(probes.faces)}
    # So that a batch's faces are of as many galleries, each with the face's own user.
    order = np.argsort(np.arange(len(probes.faces)) % BATCH, kind="stable")
    mixed = Sample(
        probes.model,
        probes.faces[order],
        [probes.users[place] for place in order],
        probes.distances[order],
        probes.gallery,
    )
    memory, _ = remembered(gallery)
    by_memory = searcher(
        gallery.connection, memory, lambda face: frozenset({_name(together[face.tobytes()])})
    )
    plain = _searcher(gallery.connection, together)
    return Inside(
        gallery.crowd.users,
        [
            line(gallery.connection, faces, f"{places} galleries, {how}{by}", search)
            for search, by in ((plain, ""), (by_memory, ", in memory"))
            for faces, how in ((probes, "one a batch"), (mixed, "all mixed"))
        ],
    )


def _fill(connection: Connection, probes: Sample, users: int, members: int) -> int:
    rng = np.random.default_rng(users)
    places = -(-len(probes.faces) // BATCH)
    for place in range(places):
        wanted = dict.fromkeys(probes.users[place * BATCH : (place + 1) * BATCH])
        drawn = (UUID(int=int(number) + 1) for number in rng.permutation(users)[:members])
        for user_id in drawn:
            if len(wanted) >= members:
                break
            wanted[user_id] = None
        connection.execute(
            "insert into face_gallery_members (gallery, user_id) select %s, unnest(%s::uuid[])",
            [_name(place), list(wanted)],
        )
    connection.execute("delete from face_rematches")
    connection.execute("vacuum analyze face_gallery_members")
    return places


def _searcher(connection: Connection, places: dict[bytes, int]) -> Search:
    def search(faces: Sequence[Embedding]) -> list[list[Candidate]]:
        galleries = [_name(places[face.tobytes()]) for face in faces]
        nearest: list[list[Candidate]] = [[] for _ in faces]
        for mine, rows in ask_members(connection, faces, galleries, MODEL, 2):
            for place, users in zip(mine, collected(rows, len(mine)), strict=True):
                nearest[place] = users
        return nearest

    return search


def _name(place: int) -> str:
    return f"gallery-{place}"
