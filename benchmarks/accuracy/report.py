"""What a run came to, as tables. Shares are in per cent, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.accuracy.far_table import FEWEST_PEOPLE, WORST, Limit, worst
from benchmarks.accuracy.galleries import FIXED, SO_MANY_PHOTOS, Held
from benchmarks.accuracy.impostors import TABLE_FARS
from benchmarks.accuracy.judging import AT_SHIPPED, COMPARED
from benchmarks.accuracy.limits import FPIRS, WAYS
from benchmarks.accuracy.resampling import Figure
from benchmarks.accuracy.run import MAX_FPIR, PackResult, Run
from benchmarks.accuracy.searches import DRAWS, NEIGHBOURS
from benchmarks.report import Page
from dataflow.gallery.intervals import ROUNDS
from soloface.cli.frame.output import counted

PLACE = "measured: accuracy"
_PLAIN = {"auc"}
_LESS_IS_BETTER = {"eer"}


def pages(run: Run) -> Iterator[Page]:
    """All tables."""
    yield _photos(run)
    yield from _sets(run)
    for found in run.packs:
        yield from _crossed(found)
        yield _far_table(found)
        yield from _limits(found)


def short(run: Run) -> Run:
    """For a page: limits only at each set's largest gallery, and compared at the smallest FPIR."""
    return replace(run, packs=[_shortened(found) for found in run.packs])


def _shortened(found: PackResult) -> PackResult:
    ordered = sorted(found.derived, key=lambda one: one.users)
    largest = {one.name: one.users for one in ordered if one.photos == 1}
    return replace(
        found,
        compared=[
            one
            for one in found.compared
            if one.fpir == min(FPIRS) and one.users == largest.get(one.name, one.users)
        ],
        derived=[one for one in found.derived if one.photos > 1 or one.users == largest[one.name]],
    )


def _photos(run: Run) -> Page:
    rows = []
    for place, photos in enumerate(run.sets):
        cells = []
        for found in run.packs:
            faces = found.faces.groups[place]
            reasons = sorted(faces.refused.items(), key=lambda item: (-item[1], item[0]))
            used = faces.offered - sum(faces.refused.values())
            cells.append("; ".join([f"{used}", *(f"{n} {reason}" for reason, n in reasons)]))
        people = str(len(set(photos.people))) if photos.people else "-"
        rows.append((photos.name, people, str(len(photos.paths)), *cells))
    names = [f"{found.faces.name}: one face; refused" for found in run.packs]
    return Page("Photos", ("", "people", "photos", *names), rows)


def _sets(run: Run) -> Iterator[Page]:
    names = list(dict.fromkeys(one.faces.name for found in run.packs for one in found.judged))
    for name in names:
        judged = [
            next((one for one in found.judged if one.faces.name == name), None)
            for found in run.packs
        ]
        differences = [one.differences.get(name, {}) for one in run.ahead]
        rows = []
        for key, title in {**COMPARED, **AT_SHIPPED}.items():
            cells = [_cell(key, one.figures.get(key) if one else None) for one in judged]
            gaps = [_gap(key, gap.get(key)) for gap in differences]
            if any(cells):
                shipped = " at the shipped threshold" if key in AT_SHIPPED else ""
                rows.append((f"{title}{shipped}", *cells, *gaps))
        sizes = " and ".join(sorted({str(one.users) for one in judged if one}))
        columns = [
            "",
            *(found.faces.name for found in run.packs),
            *(f"{one.pack} less {one.over}, same photos" for one in run.ahead),
        ]
        yield Page(f"{name}, open set of {sizes} users", columns, rows)


def _crossed(found: PackResult) -> Iterator[Page]:
    rows = sorted(found.crossed, key=lambda one: (one.one != one.other, -one.far.value))
    cells = [
        (
            one.one if one.one == one.other else f"{one.one} and {one.other}",
            f"{one.pairs:,}",
            said_share(one.far),
        )
        for one in rows
    ]
    if cells:
        title = f"{found.faces.name}: FAR at {found.faces.threshold:.2f}, within sets and between"
        yield Page(title, ("", "pairs", "FAR %"), cells)


def _far_table(found: PackResult) -> Page:
    populations = found.populations
    limits = worst(found.sets)
    rows = [_limit_row(f"{one.name} ({one.people} people)", one.limits) for one in populations]
    if limits:
        rows.append((WORST, *(f"{_limit(limit)} {limit.population}" for limit in limits)))
    rows += [
        (
            f"the worst, {one} and {counted(other, 'photo')}",
            *(f"{_limit(limit)} {limit.population}" for limit in by_photos),
        )
        for (one, other), by_photos in found.several.items()
    ]
    columns = ("FAR", *(f"{far:g}" for far in TABLE_FARS))
    return Page(f"{found.faces.name}: the distance for a FAR", columns, rows)


def _limits(found: PackResult) -> Iterator[Page]:
    pack = found.faces.name
    rows = [
        (
            f"{one.name}, {one.users} users, FPIR {one.fpir:.0%}",
            *(
                said_share(one.right[way])
                if way == FIXED
                else _gained(one.right[way], one.gain[way])
                for way in WAYS
            ),
        )
        for one in found.compared
    ]
    yield Page(f"{pack}: right tags at the same FPIR, by way to limit", ("", *WAYS), rows)
    if found.carried:
        by_set: dict[str, dict[str, str]] = {}
        for held in found.carried:
            name = f"{held.name}, {held.users} users"
            by_set.setdefault(name, {})[held.way] = (
                f"{said_share(held.fpir)}; {100 * held.right.value:.1f}"
            )
        title = (
            f"{pack}: FPIR and right tags at the limit for FPIR {MAX_FPIR:.0%} on the other sets"
        )
        yield Page(
            title,
            ("", *WAYS),
            [(name, *(row[way] for way in WAYS)) for name, row in by_set.items()],
        )
    if found.derived:
        rows = [
            (
                _known_by(one),
                f"{one.limit:.3f}",
                said_share(one.fpir),
                said_share(one.right),
            )
            for one in found.derived
        ]
        title = f"{pack}: the distance that {WORST} give for FPIR {MAX_FPIR:.0%}"
        yield Page(title, ("", "distance", "FPIR %", "right tags %"), rows)
    if found.by_user:
        rows = [
            (
                f"{one.name}, {one.users} users, 1 or 2 photos each",
                said_share(one.right),
                " ".join(
                    (
                        f"{100 * one.gain.value:+.1f}",
                        f"({100 * one.gain.low:+.1f} to {100 * one.gain.high:+.1f})",
                    )
                ),
            )
            for one in found.by_user
        ]
        title = f"{pack}: right tags at FPIR {MAX_FPIR:.0%}, one limit or one for each user"
        yield Page(title, ("", "one limit", "by the number of photos: gain"), rows)


def _known_by(held: Held) -> str:
    told = f"{held.name}, {held.users} users, {counted(held.photos, 'photo')} each"
    return f"{told}, by {held.way}" if held.way == SO_MANY_PHOTOS else told


def _limit_row(name: str, limits: Sequence[Limit]) -> Sequence[str]:
    return (name, *(_limit(limit) for limit in limits))


def _limit(limit: Limit) -> str:
    mark = "*" if limit.extrapolated else ""
    return f"{limit.distance:.3f}{mark} ({limit.low:.3f} to {limit.high:.3f})"


def _cell(key: str, value: Figure | None) -> str:
    if value is None or not value.is_known:
        return ""
    return (
        f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
        if key in _PLAIN
        else said_share(value)
    )


def _gap(key: str, gap: Figure | None) -> str:
    if gap is None or not gap.is_known:
        return ""
    scale, digits = (1, 4) if key in _PLAIN else (100, 1)
    better = -1 if key in _LESS_IS_BETTER else 1
    verdict = ""
    if gap.low > 0 or gap.high < 0:
        verdict = " ahead" if gap.value * better > 0 else " behind"
    bounds = (f"{scale * bound:+.{digits}f}" for bound in (gap.value, gap.low, gap.high))
    value, low, high = bounds
    return f"{value} ({low} to {high}){verdict}"


def _gained(right: Figure, gain: Figure) -> str:
    if not right.is_known:
        return ""
    return f"{100 * right.value:.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"


def said_share(share: Figure) -> str:
    """A share in per cent, with its interval."""
    if not share.is_known:
        return ""
    digits = 1 if share.value >= _SMALL else 3
    value, low, high = (100 * part for part in (share.value, share.low, share.high))
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


_SMALL = 0.01


def said(run: Run) -> str:
    """What has to be known to read the tables."""
    return "\n\n".join([_measured(run), _fitted(), _limited()])


def _measured(run: Run) -> str:
    packs = ", ".join(
        f"{one.faces.name} ({one.faces.contract}) at {one.faces.threshold:.2f}" for one in run.packs
    )
    return (
        f"{packs}. Shares are per cent; in brackets are 95 % intervals, for other people of the "
        f"same kind (bootstrap by person, {ROUNDS} draws). One photo a person is enrolled and all "
        f"others are sought, {DRAWS} times; in the open set every third person is not enrolled. A "
        "difference is of the same photos and draws; where its interval leaves out 0, it says "
        "whether the pack is ahead or behind."
    )


def _fitted() -> str:
    return (
        "Distances with a * lie beyond what so many pairs can tell: a generalised Pareto fit to "
        "the lowest distances says them; the shape of the tail is that of all sets together. A "
        f"set of fewer than {FEWEST_PEOPLE} people does not count as the worst. Vectors of several "
        "photos are their means; three stand for more."
    )


def _limited() -> str:
    return (
        "Ways to limit: margins are to the second user; means and spreads are of the "
        f"{NEIGHBOURS} users after the nearest. In brackets is the gain over the fixed distance."
    )


def suspects(run: Run) -> Iterator[str]:
    """People who may be one, for whoever has the photos: names of folders belong on no page."""
    for found in run.packs:
        if found.neighbours:
            near = ", ".join(
                f"{one.one} and {one.other} ({one.distance:.2f})" for one in found.neighbours
            )
            yield (
                f"Look whether these are different people ({found.faces.name}): {near}. If two are "
                "one, say --same ONE=OTHER."
            )
        if found.unlike:
            apart = ", ".join(f"{one.person} ({one.distance:.2f})" for one in found.unlike)
            yield (
                f"Look whether all photos are of one person ({found.faces.name}): {apart}. If they "
                "are not, say --without PERSON."
            )
