"""What keeps a calibration from standing for other people, or for a larger gallery."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dataflow.faces.packs.far_table import FarTable, Worst
from dataflow.gallery.calibration import FEW_PEOPLE, Pairs
from dataflow.gallery.open_set import OpenSet
from soloface.cli.frame.output import counted

_BROAD_FAR = 0.05
"""A rate at which each person is in enough of the pairs to be compared with others."""

LARGEST_FPIR = 0.5
"""The largest that the command takes."""

_ENOUGH_PEOPLE = 2 * FEW_PEOPLE
_LEAST_PAIRS_EACH = 10
_QUARTER_SHARE = 0.45
"""Of the near pairs, those with the quarter of the people who are in most. Among people of one kind
it was 0.29 to 0.36 (pack `open`), among those of several 0.47 to 0.57."""


def few_people(pairs: Pairs) -> Iterator[str]:
    """Whether who is among them decides more than anything else."""
    if pairs.people < FEW_PEOPLE:
        people = counted(pairs.people, "person", "people")
        yield f"{people} only: others may give quite other figures"


def of_another_population(pairs: Pairs, table: FarTable | None) -> Iterator[str]:
    """Whether these people are nearer to each other than those of the pack's table, or farther.

    Compared is how many pairs lie within the table's distance, at the smallest rate that was
    counted and that these pairs can tell.
    """
    if pairs.people < FEW_PEOPLE or table is None or (point := _compared(pairs, table)) is None:
        return
    far = pairs.at(point.distance).far
    low, high = far.range_95
    where = (
        f"at distance {point.distance:.3f} their FAR is {far.value:.2g} ({low:.2g} to {high:.2g})"
    )
    if high < point.far:
        yield (
            f"these people are easier to tell apart than the hardest population of the pack's "
            f"table, {point.population}: {where}, there it is {point.far:g}. A limit from them "
            "does not hold for such people; if you have them, use SOLOFACE_MATCH__MAX_FPIR"
        )
    elif low > point.far:
        yield (
            "these people are harder to tell apart than any population of the pack's table: "
            f"{where}, in {point.population} it is {point.far:g}. SOLOFACE_MATCH__MAX_FPIR would "
            "tag more strangers than it says; set a distance"
        )


def uneven(pairs: Pairs) -> Iterator[str]:
    """Whether some people are much nearer to others than the rest are."""
    near = int(np.searchsorted(pairs.impostor, pairs.threshold_for(_BROAD_FAR), side="right"))
    if pairs.people < _ENOUGH_PEOPLE or 2 * near < _LEAST_PAIRS_EACH * pairs.people:
        return
    low, high = pairs.impostor_owners
    each = np.bincount(np.concatenate([low[:near], high[:near]]), minlength=pairs.people)
    most = np.sort(each)[::-1][: pairs.people // 4]
    share = float(most.sum() / each.sum())
    if share >= _QUARTER_SHARE:
        yield (
            f"a quarter of the people make {share:.0%} of the pairs that are near: they seem to be "
            "of several kinds. Those who have many of their kind in your gallery get more wrong "
            "tags than the figures say; calibrate them by themselves"
        )


def beyond(found: OpenSet | None, people: int) -> Iterator[str]:
    """Whether the gallery is larger than what was looked at."""
    if found and found.distance is not None and found.is_reckoned:
        yield (
            f"{found.users} users are more than can be drawn from {people} people: FPIR and FNIR "
            "follow from those of all of them, and were not counted"
        )


def too_few_photos(found: OpenSet, pairs: Pairs) -> str:
    """Why there is no distance for an FPIR, and what to do."""
    photos = counted(pairs.photos, "photo")
    least = found.least_fpir
    larger = f"--fpir {least:g} or more, or " if least and least <= LARGEST_FPIR else ""
    return (
        f"{photos} of {pairs.people} people cannot tell an FPIR of {found.wanted_fpir:g} among "
        f"{counted(found.users, 'user')} from a smaller one; that needs {found.photos_needed} "
        f"photos of as many people, or {larger}fewer --users"
    )


def _compared(pairs: Pairs, table: FarTable) -> Worst | None:
    counted_ones = [
        point for point in table.points if not point.extrapolated and point.far >= pairs.least_far
    ]
    return min(counted_ones, key=lambda point: point.far, default=None)
