"""What a run came to, as tables. Shares are in per cent, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.accuracy.limits import FPIRS
from benchmarks.accuracy.report import said_share
from benchmarks.accuracy.resampling import Figure
from benchmarks.enrolment.brought import MAX_FPIR, Brought, Signs
from benchmarks.enrolment.doubles import CHANCE, Noticed
from benchmarks.enrolment.pictures import FAR_APART, SHORT
from benchmarks.enrolment.several import MOST, Known
from benchmarks.enrolment.unlike import Sorted
from benchmarks.report import Page
from dataflow.faces.packs.gap_table import NEXT, GapTable
from soloface.cli.frame.output import counted

PLACE = "measured: enrolment"


@dataclass(slots=True)
class Findings:
    """What was measured; a part that was not asked for is empty."""

    pack: str
    contract: str
    limit: float = 0
    policies: list[Brought] = field(default_factory=list)
    changes: list[Brought] = field(default_factory=list)
    signs: list[Signs] = field(default_factory=list)
    measures: dict[str, list[Brought]] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)
    sifted: list[Sorted] = field(default_factory=list)
    noticed: list[Noticed] = field(default_factory=list)
    gaps: GapTable | None = None


def pages(found: Findings) -> Iterator[Page]:
    """All tables for which there is anything."""
    columns = ("", "photos", "bring", "cost")
    if found.policies:
        yield Page("Photos that a policy refuses", columns, _brought(found.policies))
    if found.signs:
        rows = [(one.what, _percent(one.apart), _percent(one.short)) for one in found.signs]
        titles = ("", f"landmarks apart by over {FAR_APART:g}", f"raw vector under {SHORT:g}")
        yield Page("What tells a bad photo", titles, rows)
    if found.changes:
        yield Page("Photos by what was done to them", columns, _brought(found.changes))
    for measure, brought in found.measures.items():
        yield Page(f"By {measure}", columns, _brought(brought))
    if found.known:
        yield _known(found.known)
    if found.sifted:
        yield _sifted(found.sifted)
    if found.noticed:
        yield _noticed(found.noticed)
    if found.gaps:
        gaps = [(f"{point.users:,}", f"{point.gap:.3f}") for point in found.gaps.points]
        yield Page("The gap that chance seldom exceeds", ("users", "gap"), gaps)


def said(found: Findings) -> str:
    """What has to be known to read the tables."""
    first = (
        f"{found.pack} ({found.contract}). Shares are per cent; in brackets are 95 % intervals, "
        "for other people of the same kind."
    )
    parts = [first]
    if found.policies:
        parts.append(
            "A photo brings the share of its person's other photos that are recognised if it is "
            f"their only one, at the distance {found.limit:.3f} (FPIR {MAX_FPIR:.0%}). It costs "
            "what the limit must move in by for the strangers' photos that are near enough to it, "
            "in right tags of one user. Half of the strangers' photos are as they are, and half as "
            "bad as these."
        )
    if found.known:
        parts.append(
            f"Up to {MOST} photos of a user are enrolled, all others are sought, and every third "
            "person is a stranger. In brackets behind a right share is the gain over the mean."
        )
    if found.noticed:
        parts.append(
            "Labelled people and made-up ones, who are as alike and as unlike, are enrolled; new "
            "ones come, and labelled ones a second time by other photos. The gap is between the "
            f"nearest user and the mean of the next {NEXT}; at most {CHANCE:.1%} of strangers "
            "exceed it."
        )
    return "\n\n".join(parts)


def _brought(rows: Sequence[Brought]) -> list[Sequence[str]]:
    return [
        (
            one.what + (" (costs more)" if one.pays_to_refuse else ""),
            f"{one.photos}",
            said_share(one.brings),
            said_share(one.costs),
        )
        for one in rows
    ]


def _known(rows: Sequence[Known]) -> Page:
    ways = list(dict.fromkeys(one.way for one in rows))
    cells: dict[str, list[str]] = {}
    for one in rows:
        title = f"{one.name}, {one.users} users"
        cells.setdefault(f"{title}: rank-1", []).append(_gained(one.rank_1, one.rank_1_gain))
        for fpir in FPIRS[:1]:
            cell = _gained(one.right[fpir], one.gain[fpir])
            cells.setdefault(f"{title}: right tags at FPIR {fpir:.0%}", []).append(cell)
    table = [(name, *by_way) for name, by_way in cells.items()]
    return Page("Several photos of a user", ("", *ways), table)


def _sifted(rows: Sequence[Sorted]) -> Page:
    distances = list(dict.fromkeys(one.distance for one in rows))
    cells: dict[str, list[str]] = {}
    for one in rows:
        name = f"{one.name}, beside {counted(one.others, 'other')}"
        own, foreign = said_share(one.own_refused), said_share(one.foreign_pass)
        cells.setdefault(f"{name}: own photos refused", []).append(own)
        cells.setdefault(f"{name}: other people's pass", []).append(foreign)
    columns = ("", *(f"{distance:.3f}" for distance in distances))
    table = [(name, *shares) for name, shares in cells.items()]
    return Page("Photos unlike a user's others, by distance", columns, table)


def _noticed(rows: Sequence[Noticed]) -> Page:
    cells = [
        (
            f"{one.population}, {one.users:,} users, {counted(one.photos, 'photo')} each",
            f"{one.doubles}",
            said_share(one.by_chance),
            said_share(one.labelled_by_chance),
            said_share(one.caught),
            said_share(one.made_up_caught),
            said_share(one.caught_by_distance),
            said_share(one.caught_or_named),
            f"{100 * one.named_by_chance:.0f}",
        )
        for one in rows
    ]
    columns = (
        "",
        "people twice",
        "strangers refused",
        "labelled strangers refused",
        "people twice refused",
        "made-up people twice refused",
        "by the distance alone",
        "refused or named",
        "strangers within the threshold",
    )
    return Page("People enrolled twice", columns, cells)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _gained(value: Figure, gain: Figure) -> str:
    if not value.is_known:
        return ""
    if gain.low == gain.high == 0:
        return f"{100 * value.value:.1f}"
    return f"{100 * value.value:.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
