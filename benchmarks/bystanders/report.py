"""What a run came to, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from benchmarks.bystanders.boxes import (
    MANNERS,
    Fits,
    by_middles,
    by_overlap,
    counted,
    drawn_by,
)
from benchmarks.bystanders.judging import Rule, Verdict, by_size, by_size_and_place, cut_out, judge
from benchmarks.bystanders.scenes import Scene
from benchmarks.report import Page
from dataflow.faces.choosing import SHIPPED
from dataflow.gallery.intervals import wilson

PLACE = "measured: bystanders"

SHARES = (0.25, 0.33, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""What `MODEL__IGNORE_SMALLER` may be."""

IN_THE_MIDDLE = (SHIPPED.alone, 0.67, 0.75, SHIPPED.in_the_middle, 0.85, 0.9, 1.0)
"""The largest share of others where the subject is in the middle; the first is by size alone."""

FITS: Mapping[str, Fits] = {
    "middles": by_middles,
    "overlap 0.3": by_overlap(0.3),
    "overlap 0.5": by_overlap(0.5),
}

ANOTHER = "another detector (YuNet)"


@dataclass(frozen=True, slots=True)
class Run:
    """All figures of one run."""

    model: str
    photos: int
    people: int
    by_size: Mapping[float, Verdict]
    by_place: Mapping[float, Verdict]
    boxes: Mapping[str, Mapping[str, Counter[str]]]


def measured(
    model: str, scenes: Sequence[Scene], others: Mapping[str, Counter[str]] | None = None
) -> Run:
    """Judge all rules; ``others`` is what became of another detector's boxes, by way to fit."""
    cuts = cut_out([scene for scene in scenes if not scene.person])
    several = [scene for scene in scenes if len(scene.faces) > 1]

    def verdict(rule: Rule) -> Verdict:
        return judge(scenes, cuts, rule)

    boxes = {
        name: {way: counted(drawn_by(manner, several), fits) for way, fits in FITS.items()}
        for name, manner in MANNERS.items()
    }
    return Run(
        model,
        len(scenes),
        len({scene.person for scene in scenes if scene.person}),
        {share: verdict(by_size(share)) for share in SHARES},
        {
            share: verdict(by_size_and_place(replace(SHIPPED, in_the_middle=share)))
            for share in IN_THE_MIDDLE
        },
        boxes | ({ANOTHER: others} if others else {}),
    )


def said(run: Run) -> str:
    """What was looked at, and how."""
    first = run.by_size[SHARES[0]]
    return (
        f"{run.model}: {run.photos:,} photos with a face, of {run.people} people. "
        f"{first.of} photos of one person and {first.groups_of} group photos show several faces. "
        "Right is the face that is nearest to the person's photos without others; for some people "
        "there is no such photo. Parts of group photos show two to four of the people, as somebody "
        f"may cut them out ({first.cuts_of} parts). In brackets are 95 % intervals (Wilson)."
    )


def pages(run: Run) -> Iterator[Page]:
    """All tables."""
    yield Page(
        "Faces smaller than a share of the largest do not count",
        ("share", *_COLUMNS),
        [(_share(share), *_cells(found)) for share, found in run.by_size.items()],
    )
    first = run.by_place[SHIPPED.in_the_middle]
    yield Page(
        "The clear subject, by the share that others aside may have",
        ("share", *_COLUMNS, f"people who gain a photo, of {first.people_of}"),
        [
            (_share(share), *_cells(found), str(found.people))
            for share, found in run.by_place.items()
        ],
    )
    yield Page(
        "Boxes drawn in other ways: right, no face, several, another face",
        ("drawn", *FITS),
        [
            (name, *("; ".join(_box_cells(found[way])) for way in FITS))
            for name, found in run.boxes.items()
        ],
    )


def as_dict(run: Run) -> dict[str, object]:
    """For JSON."""
    return {
        "model": run.model,
        "photos": run.photos,
        "people": run.people,
        "by_size": {str(share): asdict(found) for share, found in run.by_size.items()},
        "by_place": {str(share): asdict(found) for share, found in run.by_place.items()},
        "boxes": {
            name: {way: dict(counts) for way, counts in ways.items()}
            for name, ways in run.boxes.items()
        },
    }


_COLUMNS = (
    "photos taken",
    "right",
    "wrong",
    "not known",
    "groups taken",
    "parts of groups taken",
)


def _cells(found: Verdict) -> tuple[str, ...]:
    taken = found.right + found.wrong + found.unknown
    return (
        f"{taken} of {found.of}",
        str(found.right),
        _rare(found.wrong, found.right + found.wrong),
        str(found.unknown),
        _rare(found.groups, found.groups_of),
        _rare(found.cuts, found.cuts_of),
    )


def _rare(count: int, of: int) -> str:
    low, high = wilson(count, of)
    return f"{count} ({100 * low:.1f} to {100 * high:.1f} %)" if of else "-"


def _share(share: float) -> str:
    return f"{share:.2f}"


def _box_cells(counts: Counter[str]) -> Iterator[str]:
    for end in ("right", "none", "several", "another"):
        yield str(counts[end])
