"""Which users may be the nearest to a face, by coded vectors: nobody else is left out wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from dataflow.gallery.coding import NO_ROWS, Coded, Codes, Floats, Rows, rounding
from dataflow.gallery.products import products_with

_PRODUCTS_AT_A_TIME = 2**17
"""So many products fit into a core's cache together with what they are made of."""

_FARTHEST = 2.0

_GROUPS = 64
"""Into so many groups the rows of a block are put: the greatest of each is somebody else."""


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The rows of those who may be among the nearest, and the distance of all others.

    Whoever is left out is farther than ``beyond``, a cosine distance as PostgreSQL computes it;
    infinite: nobody is left out.
    """

    rows: Rows
    beyond: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """Users' coded vectors as they were at one moment, a row each.

    ``gone`` are rows that stand for nobody any more, in order; ``galleries`` has the rows of each
    gallery's members, with or without those.
    """

    coded: Coded
    gone: Rows = field(default_factory=lambda: NO_ROWS)
    galleries: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many users there are."""
        return len(self.coded) - len(self.gone)

    def members(self, galleries: Iterable[str]) -> Rows:
        """The rows of all who belong to one of some galleries."""
        found = [self.galleries[name] for name in galleries if name in self.galleries]
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate(found)) if found else NO_ROWS

    def shortlists(self, faces: Floats, count: int, members: Rows | None = None) -> list[Shortlist]:
        """For each face all who may be among the ``count`` nearest to it, and few others.

        That is: whoever is left out is farther by `ORDER BY face_embedding <=> face` than each of
        ``count`` others, whatever the codes have left out and single precision does.

        Args:
            faces: vectors, one per row, none of them zero.
            count: how many are wanted.
            members: the rows that are searched, each once; by default all are.

        Raises:
            ValueError: a face's vector is zero, not finite, or not in the range of unit vectors.
        """
        probes = Coded.of(faces)
        if len(probes.odd) or len(probes.blank):
            raise ValueError("a face's vector is zero, or far from unit length")
        blocks = self._everybody(probes) if members is None else self._members(members, probes)
        scan = _Scan(probes, units(faces), count)
        for block in blocks:
            scan.look(block)
        # Nobody knows how far these are; zero vectors are behind all that have a direction.
        odd, blank = (self._living(rows, members) for rows in (self.coded.odd, self.coded.blank))
        more, most = [odd, blank], np.inf
        if len(blank) and scan.seen >= count:
            more, most = [odd], _FARTHEST
        return [
            Shortlist(np.concatenate([rows, *more]), min(beyond, most))
            for rows, beyond in scan.decided(self.coded)
        ]

    def _living(self, rows: Rows, members: Rows | None) -> Rows:
        if not len(rows):
            return rows
        living = np.setdiff1d(rows, self.gone)
        return living if members is None else np.intersect1d(living, members)

    def _everybody(self, probes: Coded) -> Iterator[_Block]:
        step = _block_size(probes)
        hidden = self._hidden()
        for start in range(0, len(self.coded), step):
            end = min(start + step, len(self.coded))
            first, last = np.searchsorted(hidden, (start, end))
            yield _Block(
                np.arange(start, end),
                self.coded.codes[start:end],
                self.coded.scales[start:end],
                self.coded.errors[start:end],
                hidden[first:last] - start,
            )

    def _members(self, members: Rows, probes: Coded) -> Iterator[_Block]:
        step = _block_size(probes)
        hidden = self._hidden()
        for start in range(0, len(members), step):
            rows = members[start : start + step]
            if len(hidden):
                places = np.minimum(np.searchsorted(hidden, rows), len(hidden) - 1)
                rows = rows[hidden[places] != rows]
            yield _Block(
                rows,
                self.coded.codes[rows],
                self.coded.scales[rows],
                self.coded.errors[rows],
                NO_ROWS,
            )

    def _hidden(self) -> Rows:
        """Rows that are not compared by their codes, in order."""
        if not (len(self.coded.odd) or len(self.coded.blank)):
            return self.gone
        return np.unique(np.concatenate([self.gone, self.coded.odd, self.coded.blank]))


def units(vectors: Floats) -> Floats:
    """The same directions at length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some rows, with the places among them of those that do not count."""

    rows: Rows
    codes: Codes
    scales: Floats
    errors: Floats
    hidden: Rows


class _Scan:
    """A look at rows, block by block, that keeps those that may be among the nearest of each probe.

    The cosine of a row lies between ``upper - 2 * error`` and ``upper``. Whoever's upper bound is
    below the lower bounds of ``count`` others is left out.
    """

    def __init__(self, probes: Coded, faces: Floats, count: int) -> None:
        self._probes = probes
        self._faces = faces
        self._count = count
        self._multiplied = products_with(probes.codes)
        self._rounding = rounding(probes.dimension)
        # One bound for all probes: each has about the same.
        self._left_out = float(probes.errors.max(initial=0))
        self._lower = np.full((count, len(probes)), -np.inf, np.float32)
        self._kept: list[tuple[Rows, Rows, Floats]] = [(NO_ROWS, NO_ROWS, np.empty(0, np.float32))]
        self.seen = 0

    def look(self, block: _Block) -> None:
        """Look at some rows."""
        errors = block.errors * np.float32(1 + self._left_out)
        errors += np.float32(self._left_out + self._rounding)
        upper = self._multiplied(block.codes)
        upper *= block.scales[:, np.newaxis]
        upper *= self._probes.scales[np.newaxis, :]
        upper += errors[:, np.newaxis]
        upper[block.hidden] = -np.inf
        self.seen += len(block.rows) - len(block.hidden)
        self._raise(_greatest(upper) - 2 * errors.max(initial=0))
        places, faces = np.nonzero(upper >= self._lower.min(axis=0))
        if len(block.hidden):
            counts = upper[places, faces] > -np.inf
            places, faces = places[counts], faces[counts]
        self._kept.append((block.rows[places], faces, upper[places, faces]))

    def decided(self, coded: Coded) -> Iterator[tuple[Rows, float]]:
        """Who is left for each probe once all were looked at, and the distance of all others."""
        rows, faces, upper = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        bars = self._lower.min(axis=0)
        still = upper >= bars[faces]
        rows, faces = rows[still], faces[still]
        for face, bar in enumerate(bars):
            yield self._nearest(face, rows[faces == face], float(bar), coded)

    def _nearest(self, face: int, rows: Rows, bar: float, coded: Coded) -> tuple[Rows, float]:
        """Leave out whom the face's own vector leaves out: that is surer than its codes."""
        if len(rows) <= self._count:
            return rows, 1 - bar
        cosines = (coded.codes[rows].astype(np.float32) @ self._faces[face]) * coded.scales[rows]
        errors = coded.errors[rows] + np.float32(self._rounding)
        least = np.partition(cosines - errors, -self._count)[-self._count]
        return rows[cosines + errors >= least], 1 - max(bar, float(least))

    def _raise(self, greatest: Floats) -> None:
        """Take the greatest of groups of others into account."""
        known = np.concatenate([self._lower, greatest])
        self._lower = np.partition(known, -self._count, axis=0)[-self._count :]


def _greatest(upper: Floats) -> Floats:
    """The greatest of each of some groups of rows, none of which are in two groups."""
    count, faces = upper.shape
    size = max(1, count // _GROUPS)
    groups = count // size
    return np.asarray(upper[: groups * size].reshape(size, groups, faces).max(axis=0))


def _block_size(probes: Coded) -> int:
    return max(_GROUPS, _PRODUCTS_AT_A_TIME // max(1, len(probes)))
