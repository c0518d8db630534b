"""A calibration in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from dataflow.faces.packs.far_table import FarTable
from dataflow.gallery.calibration import (
    Identification,
    Pairs,
    Point,
    Recommendation,
    Share,
)
from dataflow.gallery.limit import FollowingLimit
from dataflow.gallery.open_set import OpenSet, Rate
from soloface.cli.calibrate.crowds import Ignoring, advice
from soloface.cli.calibrate.doubts import (
    beyond,
    few_people,
    of_another_population,
    too_few_photos,
    uneven,
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
    recommended: Recommendation | None
    searched: OpenSet | None = None
    shipped_fars: FarTable | None = None
    ignoring: Sequence[Ignoring] = ()
    caveats: Sequence[str] = ()

    @property
    def is_told(self) -> bool:
        """Whether there is a limit to recommend for what is wanted."""
        if self.searched:
            return self.searched.distance is not None
        return self.recommended is not None and self.recommended.point is not None

    @property
    def warnings(self) -> list[str]:
        """What keeps the figures from meaning much."""
        found = [*few_people(self.pairs)]
        if single := self.pairs.single:
            people = counted(single, "person has", "people have")
            found.append(f"{people} one photo only, which tells nothing about TAR")
        if same := int((self.pairs.genuine < SAME_PICTURE).sum()):
            pairs = counted(same, "pair of one person is", "pairs of one person are")
            found.append(f"{pairs} the same picture twice, which looks too good")
        found += [
            *of_another_population(self.pairs, self.shipped_fars),
            *uneven(self.pairs),
            *beyond(self.searched, self.pairs.people),
            *self.caveats,
        ]
        if self.recommended and self.recommended.objection:
            found.append(self.recommended.objection)
        if self.searched and self.searched.distance is None:
            found.append(too_few_photos(self.searched, self.pairs))
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
            "recommended": _row(self.recommended) if self.recommended else None,
            "searched": asdict(self.searched) if self.searched else None,
            "ignore_smaller": [asdict(row) for row in self.ignoring],
            "warnings": self.warnings,
        }

    def head(self) -> str:
        """What was looked at."""
        rate = self.pairs.equal_error_rate()
        equal = "" if rate is None else f"; equal error rate {rate:.2%}"
        return (
            f"{self.model}: {counted(self.pairs.photos, 'photo')} of "
            f"{counted(self.pairs.people, 'person', 'people')}, {self.refused} refused; "
            f"{counted(len(self.pairs.genuine), 'pair')} of one person, "
            f"{len(self.pairs.impostor)} of different people{equal}"
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
        if self.searched:
            yield from _limit(self.searched, self.shipped_fars)
        if self.recommended and self.recommended.point:
            yield (
                f"For a FAR of {self.recommended.wanted_far:g}: "
                f"SOLOFACE_MATCH__MAX_DISTANCE={self.recommended.point.threshold:.3f}"
            )
        yield from advice(self.ignoring)
        for warning in self.warnings:
            yield f"Beware: {warning}"


HEADINGS = ("wanted FAR", "threshold", "FAR (95 % interval)", "TAR (95 % interval)")


def _limit(found: OpenSet, table: FarTable | None) -> Iterator[str]:
    """The distance for an FPIR, what it comes to, and the one that the worker would derive."""
    wanted = f"For an FPIR of {found.wanted_fpir:g} among {counted(found.users, 'user')}"
    if found.distance is not None and found.fpir:
        yield f"{wanted}: SOLOFACE_MATCH__MAX_DISTANCE={found.distance:.3f}"
        missed = "cannot be told, as nobody has two photos"
        yield (
            f"There: stranger taken for somebody (FPIR) {_rate(found.fpir)}, enrolled but not "
            f"found (FNIR) {_rate(found.fnir) if found.fnir else missed}"
        )
    if table:
        step = FollowingLimit.by(table, found.wanted_fpir).at(found.users)
        kept = "" if step.is_kept else ", where the table ends"
        yield (
            f"{wanted}, by the pack's table, whose hardest population counts: {step.distance:.3f}"
            f"{kept} (SOLOFACE_MATCH__MAX_FPIR={found.wanted_fpir:g})"
        )


def _rate(rate: Rate | Share) -> str:
    low, high = rate.range_95
    return f"{rate.value:.2%} ({100 * low:.2f} to {100 * high:.2f})"


def _cells(point: Point) -> tuple[str, str, str]:
    return f"{point.threshold:.3f}", _percent(point.far), _percent(point.tar)


def _percent(share: Share) -> str:
    return _rate(share) if share.of else "-"


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
