"""A calibration in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataflow.gallery.calibration import (
    FEW_PEOPLE,
    Identification,
    Pairs,
    Point,
    Recommendation,
    Share,
)
from soloface.cli.frame.output import counted

FARS = (0.1, 0.01, 0.001, 0.0001)
"""For each of these the table tells the threshold, as far as the pairs can."""

SAME_PICTURE = 1e-4
"""A cosine distance that no two photos have, but copies of one."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """One pack on one set of photos."""

    model: str
    pairs: Pairs
    refused: int
    rows: list[Recommendation]
    shipped: Point
    identification: Identification
    recommended: Recommendation
    caveats: Sequence[str] = ()

    @property
    def warnings(self) -> list[str]:
        """What keeps the figures from meaning much."""
        found = []
        if self.pairs.people < FEW_PEOPLE:
            found.append(
                f"{counted(self.pairs.people, 'person', 'people')} only: others may give quite "
                "other figures"
            )
        if single := self.pairs.single:
            people = counted(single, "person has", "people have")
            found.append(f"{people} one photo only, which tells nothing about TAR")
        if same := int((self.pairs.genuine < SAME_PICTURE).sum()):
            pairs = counted(same, "pair of one person is", "pairs of one person are")
            found.append(f"{pairs} the same picture twice, which looks too good")
        found.extend(self.caveats)
        if self.recommended.objection:
            found.append(self.recommended.objection)
        return found

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "model": self.model,
            "people": self.pairs.people,
            "photos": self.pairs.photos,
            "refused": self.refused,
            "genuine_pairs": len(self.pairs.genuine),
            "impostor_pairs": len(self.pairs.impostor),
            "equal_error_rate": self.pairs.equal_error_rate(),
            "least_far": self.pairs.least_far,
            "table": [_row(row) for row in self.rows],
            "shipped": _point(self.shipped),
            "identification": {
                "threshold": self.identification.threshold,
                "people": self.identification.people,
                "rank_1": _dict(self.identification.rank_1),
                "fnir": _dict(self.identification.fnir),
                "fpir": _dict(self.identification.fpir),
            },
            "recommended": _row(self.recommended),
            "warnings": self.warnings,
        }

    def head(self) -> str:
        """What was looked at."""
        return (
            f"{self.model}: {counted(self.pairs.photos, 'photo')} of "
            f"{counted(self.pairs.people, 'person', 'people')}, {self.refused} refused; "
            f"{counted(len(self.pairs.genuine), 'pair')} of one person, "
            f"{len(self.pairs.impostor)} of different people; "
            f"equal error rate {self.pairs.equal_error_rate():.2%}"
        )

    def table(self) -> Iterator[tuple[str, ...]]:
        """Cells under :data:`HEADINGS`; the intervals hold for other people of the same kind."""
        for row in self.rows:
            if row.point:
                yield (f"{row.wanted_far:g}", *_cells(row.point))
            else:
                yield (f"{row.wanted_far:g}", "-", "too few pairs to tell", "")
        yield ("shipped", *_cells(self.shipped))

    def tail(self) -> Iterator[str]:
        """Identification, the recommendation, and what to beware of."""
        found = self.identification
        people = counted(found.people, "person", "people")
        yield (
            f"Sought among {people}, at the shipped threshold {found.threshold:.3f}: "
            f"nearest is right {_percent(found.rank_1)}, enrolled but not found (FNIR) "
            f"{_percent(found.fnir)}, stranger taken for somebody (FPIR) {_percent(found.fpir)}"
        )
        if self.recommended.point:
            yield (
                f"For a FAR of {self.recommended.wanted_far:g}: "
                f"SOLOFACE_MATCH__MAX_DISTANCE={self.recommended.point.threshold:.3f}"
            )
        for warning in self.warnings:
            yield f"Beware: {warning}"


HEADINGS = ("wanted FAR", "threshold", "FAR (95 % interval)", "TAR (95 % interval)")


def _cells(point: Point) -> tuple[str, str, str]:
    return f"{point.threshold:.3f}", _percent(point.far), _percent(point.tar)


def _percent(share: Share) -> str:
    low, high = share.range_95
    return f"{share.value:.2%} ({100 * low:.2f} to {100 * high:.2f})"


def _dict(share: Share) -> dict[str, object]:
    return {
        "value": share.value,
        "count": share.count,
        "of": share.of,
        "pairs_95": share.pairs_95,
        "people_95": share.people_95,
    }


def _point(point: Point) -> dict[str, object]:
    return {"threshold": point.threshold, "far": _dict(point.far), "tar": _dict(point.tar)}


def _row(row: Recommendation) -> dict[str, object]:
    found = _point(row.point) if row.point else None
    return {"wanted_far": row.wanted_far, "point": found, "objection": row.objection}
