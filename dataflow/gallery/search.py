"""How the nearest enrolled users are found: exactly while that is cheap, then by a proved index."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from dataflow.gallery.remembered import Remembered

EXACT_BUDGET_MS = 13
"""What an exact search may cost, in CPU time per face; it loses nobody, so it comes first."""

TARGET_RECALL = 0.99
"""The least share of faces whose nearest user an index has to find."""

AIM_RECALL = 0.995
"""What an index is tuned to, so that a sample's luck does not decide, nor the next users."""

SHARES = (0.02, 0.03, 0.04, 0.055, 0.07, 0.085, 0.1, 0.12, 0.15, 0.2, 0.3, 0.4)
"""Shares of an index's lists that are tried, the least first. More would be no index any more."""

MOST_GROWTH = 2
"""How many times as many users as were measured an index may hold before it is measured again."""

_LISTS_PER_ROOT = 3.5
_FEWEST_LISTS, _MOST_LISTS = 10, 2000
_FACES_PER_LIST = 50  # pgvector draws so many to find the lists' centres

_ROW_US, _NUMBER_US = 0.22, 0.00084  # benchmarks.gallery prints what these came from


def exact_ms(users: int, dimension: int) -> float:
    """CPU milliseconds of an exact search for one face, vectors stored in line."""
    return users * (_ROW_US + _NUMBER_US * dimension) / 1000


def exact_limit(dimension: int) -> int:
    """How many users are searched exactly, index or not."""
    return int(EXACT_BUDGET_MS / exact_ms(1, dimension))


def list_count(users: int, dimension: int, memory_mb: int) -> int:
    """Into how many lists so many users are cut, as far as building them may take memory."""
    lists = min(_MOST_LISTS, int(_LISTS_PER_ROOT * math.sqrt(users)))
    while lists > _FEWEST_LISTS and building_mb(lists, dimension) > memory_mb:
        lists = lists * 9 // 10
    return max(_FEWEST_LISTS, lists)


def building_mb(lists: int, dimension: int) -> int:
    """What finding the lists' centres takes: drawn faces, and their distances to all centres."""
    faces = max(10_000, _FACES_PER_LIST * lists)
    return 32 + (faces * (2 * dimension + 16) + 4 * faces * lists + 8 * lists**2) // 2**20


def breadths(lists: int) -> list[int]:
    """How many of so many lists may be looked through, the fewest first."""
    return list(dict.fromkeys(max(1, round(share * lists)) for share in SHARES))


class Proof(BaseModel):
    """What was measured of an index, kept as its comment: it goes when the index goes.

    ``recall`` is the share of ``faces`` made-up faces whose nearest of ``users`` users it found in
    the ``breadth`` lists that are nearest to each. Another ``model``'s vectors lie elsewhere.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    users: int
    breadth: int
    recall: float
    faces: int


@dataclass(frozen=True, slots=True)
class Index:
    """The gallery's index as it stands: its SQL, whether it is complete, its comment."""

    definition: str
    usable: bool
    bytes: int
    comment: str | None

    @property
    def lists(self) -> int:
        """How many lists it is cut into."""
        found = re.search(r"lists='?(\d+)", self.definition)
        return int(found[1]) if found else 1

    @property
    def proof(self) -> Proof | None:
        """What was measured of it; ``None`` where nothing was, or somebody else commented."""
        try:
            return Proof.model_validate_json(self.comment or "")
        except ValidationError:
            return None

    def fits(self, dimension: int) -> bool:
        """Whether it is complete and holds vectors of this length."""
        return self.usable and f"({dimension})" in self.definition

    def objection(self, model: str, dimension: int) -> str | None:
        """Why it must not be used for this model's vectors, ``None`` if it may."""
        if not self.fits(dimension):
            return "the index is not complete, or was made for vectors of another length"
        if self.proof is None:
            return "nobody has measured what the index finds"
        if self.proof.model != model:
            return f"the index was made for vectors of {self.proof.model}"
        if self.proof.recall < TARGET_RECALL:
            return f"the index finds only {self.proof.recall:.1%} of the nearest users"
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision.

    ``breadth`` is how many lists of the index are looked through, ``None`` for an exact search;
    ``proof`` says what that finds; ``objection`` says why it is exact although that has become
    dear. Where the users are ``remembered``, an exact search compares few of them.
    """

    users: int
    breadth: int | None = None
    objection: str | None = None
    proof: Proof | None = None
    remembered: Remembered | None = None

    @property
    def name(self) -> str:
        """As it is logged and printed."""
        return "exact" if self.breadth is None else "index"

    @property
    def recall(self) -> float:
        """The share of the nearest users that it has proved to find: all, if it is exact."""
        return self.proof.recall if self.proof else 1.0

    @property
    def outgrown(self) -> bool:
        """Whether there are so many users by now that what was measured may hold no longer."""
        return self.proof is not None and self.users > MOST_GROWTH * self.proof.users

    @property
    def is_due(self) -> bool:
        """Whether an index has to be built, or measured again."""
        return self.objection is not None or self.outgrown


def plan_search(users: int, model: str, dimension: int, index: Index | None) -> Plan:
    """Decide by the gallery's size and by what its index has proved.

    An index that would miss too many is passed over, however long the exact search takes: a wrong
    tag hurts more than a slow one.
    """
    if users <= exact_limit(dimension):
        return Plan(users)
    objection = index.objection(model, dimension) if index else "there is no index"
    if index is None or index.proof is None or objection:
        return Plan(users, objection=objection)
    return Plan(users, index.proof.breadth, proof=index.proof)
