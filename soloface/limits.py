"""The limits that the environment asks for, by the figures of its pack."""

from __future__ import annotations

from dataflow.faces.face import FacePack
from dataflow.faces.packs.gap_table import shipped_gap_table
from dataflow.faces.packs.loading import far_table_of
from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.limit import FollowingLimit
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings


def following_limit(settings: Settings) -> FollowingLimit | None:
    """How the distance limit follows the number of users; ``None``: nobody has asked for that.

    Raises:
        ConfigurationError: the pack is not there, or nothing is known of strangers' distances with
            it.
    """
    max_fpir = settings.match.max_fpir
    if max_fpir is None:
        return None
    table = far_table_of(settings.model)
    if table is None:
        raise ConfigurationError(
            "SOLOFACE_MATCH__MAX_FPIR: no figures come with the pack "
            f"{settings.model.pack} from which a limit could be found; find a distance with: "
            "soloface calibrate PEOPLE --far FAR, and set SOLOFACE_MATCH__MAX_DISTANCE instead"
        )
    return FollowingLimit.by(table, max_fpir)


def clash_limit(settings: Settings, pack: FacePack) -> ClashLimit:
    """From when on two users are too near to be two people."""
    return ClashLimit(
        pack.threshold,
        far_table_of(settings.model),
        settings.enrolment.min_distance,
        shipped_gap_table(pack.contract),
    )
