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
                f"only {self.pairs.people} people: with others the figures may be quite different"
            )
        if single := self.pairs.single:
            found.append(f"{single} people have one photo only, which tells nothing about TAR")
        if same := int((self.pairs.genuine < SAME_PICTURE).sum()):
            found.append(
                f"{same} pairs of one person are the same picture twice, which looks too good"
            )
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
            f"{self.model}: {self.pairs.photos} photos of {self.pairs.people} people, "
            f"{self.refused} refused; {len(self.pairs.genuine)} pairs of one person, "
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
        yield (
            f"Searched among {found.people} people, at the shipped threshold {found.threshold:.3f}:"
            f" the nearest is right {_percent(found.rank_1)}, enrolled but not found (FNIR) "
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
