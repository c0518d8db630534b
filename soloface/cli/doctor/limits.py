"""The limits that the workers match by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.settings import MatchSettings
from soloface.cli.doctor.finding import Warn


def differing(database: Database, settings: MatchSettings) -> Iterator[str]:
    """A warning where the limits of this environment are not those that the workers have noted."""
    here = {"max_distance": settings.max_distance, "min_margin": settings.min_margin}
    noted = Limits(database).noted()
    if noted and noted.policy.limits != here:
        yield Warn(
            f"this environment has {_told(here)}, but the worker that started at "
            f"{noted.noted_at:%Y-%m-%d %H:%M %Z} matches with {_told(noted.policy.limits)}; set "
            "SOLOFACE_MATCH__MAX_DISTANCE and SOLOFACE_MATCH__MIN_MARGIN alike everywhere"
        )


def _told(limits: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"no {name}" if limit is None else f"{name} {limit:g}" for name, limit in limits.items()
    )
