"""What the sink asks: how requests end is stored by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataflow.persons.ended import PersonSettled


@dataclass(frozen=True, slots=True)
class PeopleRecorder:
    """Has nothing left to do. ``model`` is the contract of the vectors."""

    model: str

    def record(self, items: Sequence[PersonSettled]) -> Sequence[PersonSettled]:
        """They are settled."""
        return items

    def close(self) -> None:
        """There is nothing to let go of."""
