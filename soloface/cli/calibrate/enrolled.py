"""The enrolled users' own photos as an album: each shows the user who was enrolled by it."""

from __future__ import annotations

from contextlib import closing

from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.setup.schema import require_tables
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings
from soloface.cli.calibrate.album import LEAST_PEOPLE, Labelled
from soloface.cli.frame.galleries import REQUIRED
from soloface.cli.frame.output import counted
from soloface.rules import requires_gallery

CHOSEN = (
    "enrolment has left out photos unlike the user's others and users like each other, so "
    "these figures look too good"
)


def enrolled_photos(
    settings: Settings, model: str, most: int, gallery: str | None = None
) -> tuple[list[Labelled], list[str]]:
    """The photos that users were enrolled by with this contract, and what to beware of.

    No vector is read, so that `soloface_auditor` may do it.

    Args:
        settings: where the users are, and whether they may all be compared.
        model: the contract's id.
        most: so many photos are enough; the users are drawn, always the same ones.
        gallery: only those of its members.

    Raises:
        ConfigurationError: a gallery is required, and none is named; or photos of two users at
            least are not on record.
    """
    with closing(Database(settings.database)) as database:
        with database.connection() as connection:
            require_tables(connection)
        if gallery is None and requires_gallery(settings, database, model):
            raise ConfigurationError(
                f"users of different galleries are not compared ({REQUIRED}); say with --gallery "
                "whose members are (soloface gallery list)"
            )
        register = EnrolmentRegister(database, model)
        photos, total = register.photos(most, gallery)
        if len({user_id for user_id, _ in photos}) < LEAST_PEOPLE:
            raise ConfigurationError(_too_few(len(photos), register, gallery))
    caveats = [CHOSEN]
    if total > len(photos):
        caveats.append(f"looked at {len(photos)} of {total} photos on record (--most)")
    return [Labelled(str(user_id), ref) for user_id, ref in photos], caveats


def _too_few(photos: int, register: EnrolmentRegister, gallery: str | None) -> str:
    others = sorted(register.models() - {register.model})
    moved = (
        f"; others were enrolled with {', '.join(others)}: use that pack (SOLOFACE_MODEL__PACK)"
        if others
        else ""
    )
    return (
        f"on record with {register.model}: {counted(photos, 'photo')} of enrolled users"
        f"{f' in the gallery {gallery}' if gallery else ''}; calibrate "
        f"needs those of two users at least (soloface enroll){moved}"
    )
