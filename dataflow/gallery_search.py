"""How the nearest enrolled users are found: exactly while that is cheap, then by a proved index."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

EXACT_BUDGET_MS = 13
"""What an exact search may cost, in CPU time per face; it loses nobody, so it comes first."""

TARGET_RECALL = 0.99
"""The least share of faces whose nearest user an index has to find."""

AIM_RECALL = 0.995
"""What an index is tuned to, so that a sample's luck does not decide, nor the next users."""

BREADTHS = (100, 200, 400, 700, 1000)
"""Values of `hnsw.ef_search` that are tried; pgvector allows no more than the last."""

MOST_GROWTH = 2
"""How many times as many users as were measured an index may hold before it is measured again."""

_BITS_FROM_DIMENSION = 256
_ROW_US, _NUMBER_US = 0.22, 0.00084  # benchmarks.gallery prints what these came from


def exact_ms(users: int, dimension: int) -> float:
    """CPU milliseconds of an exact search for one face, vectors stored in line."""
    return users * (_ROW_US + _NUMBER_US * dimension) / 1000


def exact_limit(dimension: int) -> int:
    """How many users are searched exactly, index or not."""
    return int(EXACT_BUDGET_MS / exact_ms(1, dimension))


def by_bits(dimension: int) -> bool:
    """Whether the index holds a vector's signs and not its numbers in half precision.

    Signs are four times as cheap to walk through; short vectors have too few of them.
    """
    return dimension >= _BITS_FROM_DIMENSION


class Proof(BaseModel):
    """What was measured of an index, kept as its comment: it goes when the index goes.

    ``recall`` is the share of ``probes`` faces whose nearest of ``users`` users it found.
    """

    model_config = ConfigDict(frozen=True)

    users: int
    ef_search: int
    recall: float
    probes: int


@dataclass(frozen=True, slots=True)
class Index:
    """The gallery's index as it stands: its SQL, whether it is complete, its comment."""

    definition: str
    usable: bool
    bytes: int
    comment: str | None

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

    def objection(self, dimension: int) -> str | None:
        """Why it must not be used for vectors of this length, ``None`` if it may."""
        if not self.fits(dimension):
            return "the index is not complete, or was made for vectors of another length"
        if self.proof is None:
            return "nobody has measured what the index finds"
        if self.proof.recall < TARGET_RECALL:
            return f"the index finds only {self.proof.recall:.1%} of the nearest users"
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision. ``ef_search`` is ``None`` for an exact search.

    ``objection`` says why it is exact although that has become dear.
    """

    users: int
    ef_search: int | None = None
    objection: str | None = None

    @property
    def name(self) -> str:
        """As it is logged and printed."""
        return "exact" if self.ef_search is None else "index"


def plan_search(users: int, dimension: int, index: Index | None) -> Plan:
    """Decide by the gallery's size and by what its index has proved.

    An index that would miss too many is passed over, however long the exact search takes: a wrong
    tag hurts more than a slow one.
    """
    if users <= exact_limit(dimension):
        return Plan(users)
    objection = index.objection(dimension) if index else "there is no index"
    if index is None or index.proof is None or objection:
        return Plan(users, objection=objection)
    return Plan(users, index.proof.ef_search)
