"""The limits that the workers match by, and the one that enrolment refuses by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.postgres.connection import Database
from connectors.postgres.gallery.members import largest_galleries
from connectors.postgres.gallery.users import count_users
from connectors.postgres.photos.limits import Limits, NotedLimits
from dataflow.faces.packs.gap_table import NEXT
from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.limit import FollowingLimit, smaller_of
from dataflow.settings import MatchSettings, Settings
from soloface.cli.doctor.finding import Warn
from soloface.cli.frame.output import counted
from soloface.limits import following_limit

_SHOWN = 5
"""Galleries whose limit is shown: the largest, for which it is the hardest to keep."""


@dataclass(frozen=True, slots=True)
class Ours:
    """This environment, and the contract of its pack."""

    settings: Settings
    model: str

    @property
    def match(self) -> MatchSettings:
        """What a worker here would match by."""
        return self.settings.match

    @property
    def wanted(self) -> dict[str, float | None]:
        """What is set, by the names of the settings."""
        return {
            "max_distance": self.match.max_distance,
            "min_margin": self.match.min_margin,
            "max_fpir": self.match.max_fpir,
        }


def limits(database: Database, ours: Ours) -> Iterator[str]:
    """What the limit is where it follows the gallery, and a warning where it cannot.

    It is the workers'; before any has started, what one of this environment comes to. And a warning
    where the limits of this environment are not those that the workers have noted.

    Raises:
        ConfigurationError: no limit of this environment's could follow with its pack.
        TransientError, SystemicError: the database did not answer.
    """
    noted = Limits(database).noted()
    if noted:
        yield from _noted(database, noted)
        yield from _differing(noted, ours)
    elif follows := following_limit(ours.settings):
        yield from _expected(database, ours, follows)


def _noted(database: Database, noted: NotedLimits) -> Iterator[str]:
    if noted.follows is None:
        return
    with database.connection() as connection:
        largest, count = largest_galleries(connection, noted.model, _SHOWN)
    limit = _Limit(noted.follows, noted.fixed)
    if not noted.policy.gallery_required:
        yield limit.told("workers match", noted.users or 0)
    if largest:
        yield limit.told_of([(one.gallery, one.users) for one in largest], count)


def _expected(database: Database, ours: Ours, follows: FollowingLimit) -> Iterator[str]:
    with database.connection() as connection:
        users = count_users(connection, ours.model)
        largest, count = largest_galleries(connection, ours.model, _SHOWN)
    limit = _Limit(follows, ours.match.max_distance)
    if not ours.match.gallery_required:
        who = "no worker has noted its limit here yet; one of this environment will match"
        yield limit.told(who, users)
    if largest:
        yield limit.told_of([(one.gallery, one.enrolled) for one in largest], count)


@dataclass(frozen=True, slots=True)
class _Limit:
    """One that follows, and the distance that was set as well."""

    follows: FollowingLimit
    fixed: float | None

    def told(self, who: str, users: int) -> str:
        """The limit for so many users."""
        step = self.follows.at(users)
        told = (
            f"{who} up to distance {self._distance(users)}, for up to "
            f"{counted(step.users, 'user')} (max_fpir {self.follows.max_fpir:g} takes a false "
            f"accept rate of {step.far:.2g})"
        )
        return told if step.is_kept else Warn(f"{told}; {_not_kept('at this size')}")

    def told_of(self, galleries: Sequence[tuple[str, int]], count: int) -> str:
        """The limits of some of so many galleries, for so many members each."""
        shown = [
            f"{gallery} {self._distance(users)} (for up to "
            f"{counted(self.follows.at(users).users, 'member')})"
            for gallery, users in galleries
        ]
        more = f" and {count - len(shown)} more" if count > len(shown) else ""
        told = f"in galleries, up to distance: {', '.join(shown)}{more}"
        large = [gallery for gallery, users in galleries if not self.follows.at(users).is_kept]
        return Warn(f"{told}; {_not_kept(f'in {large[0]}')}") if large else told

    def _distance(self, users: int) -> str:
        return f"{smaller_of(self.fixed, self.follows.at(users).distance):.3f}"


def _not_kept(where: str) -> str:
    return (
        f"no distance of the pack is known for so small a rate, so that cannot be kept {where}; "
        "set SOLOFACE_MATCH__MIN_MARGIN too"
    )


def _differing(noted: NotedLimits, ours: Ours) -> Iterator[str]:
    started = f"the worker that started at {noted.noted_at:%Y-%m-%d %H:%M %Z}"
    if noted.wanted != ours.wanted:
        yield Warn(
            f"this environment has {_told(ours.wanted)}, but {started} matches with "
            f"{_told(noted.wanted)}; set SOLOFACE_MATCH__MAX_DISTANCE, SOLOFACE_MATCH__MIN_MARGIN "
            "and SOLOFACE_MATCH__MAX_FPIR alike everywhere"
        )
    said = ours.match.gallery  # without it a worker keeps to what is noted
    if said and noted.policy.gallery_required != ours.match.gallery_required:
        yield Warn(
            f"this environment has SOLOFACE_MATCH__GALLERY={said}, but {started} "
            "has the other; set it alike everywhere"
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
