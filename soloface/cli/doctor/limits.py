"""The limits that the workers match by, and the one that enrolment refuses by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.faces.packs.gap_table import NEXT
from dataflow.gallery.clashes import ClashLimit
from dataflow.settings import MatchSettings
from soloface.cli.doctor.finding import Warn
from soloface.cli.frame.output import counted


def differing(database: Database, settings: MatchSettings) -> Iterator[str]:
    """What the workers' limit is where it follows the gallery, and a warning where it cannot.

    And one where the limits of this environment are not those that the workers have noted.
    """
    here = {
        "max_distance": settings.max_distance,
        "min_margin": settings.min_margin,
        "max_fpir": settings.max_fpir,
    }
    noted = Limits(database).noted()
    if noted and (step := noted.step) and (limit := noted.policy.max_distance) is not None:
        told = (
            f"workers match up to distance {limit:.3f}, for up to {counted(step.users, 'user')} "
            f"(max_fpir {noted.wanted['max_fpir']:g} takes a false accept rate of {step.far:.2g})"
        )
        if step.is_kept:
            yield told
        else:
            yield Warn(
                f"{told}; no distance of the pack is known for so small a rate, so that cannot be "
                "kept at this gallery's size; set SOLOFACE_MATCH__MIN_MARGIN too"
            )
    if noted and noted.wanted != here:
        yield Warn(
            f"this environment has {_told(here)}, but the worker that started at "
            f"{noted.noted_at:%Y-%m-%d %H:%M %Z} matches with {_told(noted.wanted)}; set "
            "SOLOFACE_MATCH__MAX_DISTANCE, SOLOFACE_MATCH__MIN_MARGIN and SOLOFACE_MATCH__MAX_FPIR "
            "alike everywhere"
        )
    if noted and noted.policy.gallery_required != settings.gallery_required:
        yield Warn(
            f"this environment has SOLOFACE_MATCH__GALLERY={settings.gallery}, but the worker that "
            f"started at {noted.noted_at:%Y-%m-%d %H:%M %Z} has the other; set it alike everywhere"
        )


def clashing(limit: ClashLimit, users: int) -> str:
    """How near a new user may be to one of so many others."""
    if limit.fixed is not None:
        return (
            f"a new user clashes with one who is nearer than {limit.fixed:g} "
            "(SOLOFACE_ENROLMENT__MIN_DISTANCE)"
        )
    by_photos = {photos: f"{limit.distance(users, photos, photos):.3f}" for photos in (1, 2, 3)}
    if len(set(by_photos.values())) == 1:
        told = by_photos[1]
    else:
        told = f"{by_photos[1]} (one photo each), {by_photos[2]} (two) or {by_photos[3]} (three)"
    gap = limit.gaps.gap(users) if limit.gaps else None
    farther = (
        f", or up to {limit.threshold:.2f} if the next {NEXT} are farther by {gap:.3f}"
        if gap
        else ""
    )
    return f"a new user clashes with one who is nearer than {told}{farther}"


def _told(limits: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"no {name}" if limit is None else f"{name} {limit:g}" for name, limit in limits.items()
    )
