"""The enrolled users as a process remembers them, and what has become of them since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from dataflow.gallery.coding import NO_ROWS, Coded, Floats, Rows, has_usual_length
from dataflow.gallery.shortlist import Crowd
from dataflow.steps.matching import Candidate

Ids = NDArray[np.uint8]
"""Users' ids, 16 bytes a row."""

Scope = frozenset[str]
"""The galleries in which a face is sought; none: among everybody."""

_ID = 16
_SPARE = 1
"""So many of the nearest may be gone by now before everybody has to be compared."""

_SMALLEST_LIMIT = 64
_MOST_OF_ALL = 4
"""A shortlist of more than one in so many users saves nothing: all of them are compared then."""

_MOST_GONE = 0.25
_ALWAYS_BORNE = 1000


@dataclass(frozen=True, slots=True)
class Shortlisted:
    """Users who may be among the nearest to a face; all others were farther than ``beyond``.

    Some of these may be farther, or gone, by now. Then others count who were left out.
    """

    users: Sequence[UUID]
    beyond: float

    def settles(self, nearest: Sequence[Candidate], count: int) -> bool:
        """Whether the nearest of these, and of all who have changed, are the nearest of all."""
        if self.beyond == float("inf"):
            return True
        return len(nearest) >= count and nearest[count - 1].distance <= self.beyond


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Remembered:
    """The users of one moment, which ``snapshot`` and ``watch`` tell the database.

    See `0012_memory.sql` for what they are.
    """

    crowd: Crowd
    ids: Ids
    snapshot: str
    watch: str

    @property
    def most_changed(self) -> int:
        """If more users have changed since, it is quicker to compare with everybody."""
        return self._limit(None)

    def shortlists(
        self, faces: Sequence[Floats], scopes: Sequence[Scope], count: int
    ) -> list[Shortlisted | None]:
        """For each face those who may be among the ``count`` nearest to it, where it is sought.

        ``None``: so many that it is quicker to compare with everybody, or the face's vector is one
        that no model makes.
        """
        found: list[Shortlisted | None] = [None] * len(faces)
        dimension = self.crowd.coded.dimension
        places = defaultdict[Scope, list[int]](list)
        for place, scope in enumerate(scopes):
            if len(faces[place]) == dimension and has_usual_length(faces[place]):
                places[scope].append(place)
        for scope, mine in places.items():
            members = self.crowd.members(scope) if scope else None
            limit = self._limit(members)
            stacked = np.stack([faces[place] for place in mine])
            for place, one in zip(
                mine, self.crowd.shortlists(stacked, count + _SPARE, members), strict=True
            ):
                if len(one.rows) <= limit:
                    found[place] = Shortlisted(self._users(one.rows), one.beyond)
        return found

    def _limit(self, members: Rows | None) -> int:
        size = self.crowd.size if members is None else len(members)
        return max(_SMALLEST_LIMIT, size // _MOST_OF_ALL)

    def _users(self, rows: Rows) -> list[UUID]:
        found = self.ids[rows].tobytes()
        return [UUID(bytes=found[at : at + _ID]) for at in range(0, len(found), _ID)]


@dataclass(frozen=True, slots=True)
class Known:
    """A user as the database has them now; without a vector, they are not enrolled."""

    user_id: UUID
    vector: Floats | None
    galleries: Sequence[str] = ()


class NoRoomError(Exception):
    """There are more users than the memory may hold."""


class Ledger:
    """Room for so many users' vectors, written from the front to the back and never again.

    What was given away by :meth:`remembered` so stays as it is while others read it. For one
    writer at a time.
    """

    def __init__(self, dimension: int, room: int) -> None:
        # Memory is taken when it is first written.
        self._codes = np.empty((room, dimension), np.int8)
        self._scales = np.empty(room, np.float32)
        self._errors = np.empty(room, np.float32)
        self._ids = np.empty((room, _ID), np.uint8)
        self._end = 0
        self._odd = self._blank = self._gone = NO_ROWS
        self._order: Rows | None = None
        self._later: dict[bytes, int] = {}
        self._galleries: dict[str, Rows] = {}
        self._given: list[ref[Remembered]] = []
        self._to_wipe: list[tuple[Rows, list[ref[Remembered]]]] = []

    @property
    def is_worn(self) -> bool:
        """Whether so many rows stand for nobody that it is time to read all of it again."""
        return len(self._gone) > max(_ALWAYS_BORNE, _MOST_GONE * self._end)

    def add(self, ids: Ids, vectors: Floats) -> None:
        """Add users who are not there yet.

        Raises:
            NoRoomError: there are too many.
        """
        start, end = self._end, self._end + len(ids)
        if end > len(self._codes):
            raise NoRoomError
        coded = Coded.of(vectors)
        self._codes[start:end] = coded.codes
        self._scales[start:end] = coded.scales
        self._errors[start:end] = coded.errors
        self._ids[start:end] = ids
        self._odd = np.concatenate([self._odd, coded.odd + start])
        self._blank = np.concatenate([self._blank, coded.blank + start])
        self._end = end

    def join(self, galleries: Mapping[str, Ids]) -> None:
        """Note the members of galleries, once all who are enrolled are there."""
        names = self._names(self._ids[: self._end])
        self._order = np.argsort(names)
        for gallery, members in galleries.items():
            rows = self._rows(self._names(members))
            self._galleries[gallery] = rows[rows >= 0]

    def change(self, changed: Iterable[Known]) -> None:
        """Bring some users to what they are now, and wipe out the codes that they had.

        That is done by a later call, once nobody can still compare with them.

        Raises:
            NoRoomError: there are too many.
        """
        self._wipe()
        users = list(changed)
        if not users:
            return
        ids = np.frombuffer(b"".join(user.user_id.bytes for user in users), np.uint8)
        names = self._names(ids.reshape(-1, _ID))
        before = self._rows(names)
        later = [self._later.pop(user.user_id.bytes, -1) for user in users]
        gone = np.concatenate([before, np.array(later, np.intp)])
        gone = gone[gone >= 0]
        self._gone = np.union1d(self._gone, gone)
        self._to_wipe.append((gone, list(self._given)))
        enrolled = [(user, user.vector) for user in users if user.vector is not None]
        if not enrolled:
            return
        added = np.stack([vector for _, vector in enrolled])
        at = self._end
        keys = [user.user_id.bytes for user, _ in enrolled]
        self.add(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, _ID), added)
        self._later.update(zip(keys, range(at, self._end), strict=True))
        joined = defaultdict[str, list[int]](list)
        for row, (user, _) in enumerate(enrolled, at):
            for gallery in user.galleries:
                joined[gallery].append(row)
        for gallery, rows in joined.items():
            present = self._galleries.get(gallery, NO_ROWS)
            self._galleries[gallery] = np.concatenate([present, np.array(rows, np.intp)])

    def remembered(self, snapshot: str, watch: str) -> Remembered:
        """What is known, as of a moment."""
        coded = Coded(
            self._codes[: self._end],
            self._scales[: self._end],
            self._errors[: self._end],
            self._odd,
            self._blank,
        )
        crowd = Crowd(coded, self._gone, dict(self._galleries))
        now = Remembered(crowd, self._ids[: self._end], snapshot, watch)
        self._given = [one for one in self._given if one()] + [ref(now)]
        return now

    def _wipe(self) -> None:
        """A vector may tell what somebody looks like: it is not kept for longer than it is read."""
        waiting = []
        for rows, readers in self._to_wipe:
            if any(reader() for reader in readers):
                waiting.append((rows, readers))
            else:
                self._codes[rows] = 0
        self._to_wipe = waiting

    def _rows(self, names: NDArray[np.bytes_]) -> Rows:
        """Where users are among those who were there at first; -1: they are not."""
        order = NO_ROWS if self._order is None else self._order
        if not len(order):
            return np.full(len(names), -1)
        known = self._names(self._ids[: len(order)])
        places = np.minimum(np.searchsorted(known, names, sorter=order), len(order) - 1)
        rows = order[places]
        return np.where(known[rows] == names, rows, -1)

    @staticmethod
    def _names(ids: Ids) -> NDArray[np.bytes_]:
        """Ids as one value each, which can be sorted."""
        return np.ascontiguousarray(ids).view(f"S{_ID}").reshape(-1)
