"""The model pack, and the users enrolled with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.setup.schema import require_tables
from dataflow.faces.packs.loading import load_pack, renamed
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings
from soloface.cli.doctor.finding import Warn
from soloface.cli.doctor.limits import Ours, clashing, limits
from soloface.cli.frame.output import counted
from soloface.cli.gallery import examine as examine_gallery
from soloface.limits import clash_limit, following_limit

_FACES = 400


def pack(settings: Settings) -> Iterator[str]:
    """Is the model pack installed and whole."""
    loaded = load_pack(settings.model)
    following_limit(settings)
    yield f"{loaded.contract.id}, threshold at distance {loaded.threshold:.2f}"
    if advice := renamed(settings.model):
        yield Warn(advice)


def gallery(settings: Settings) -> Iterator[str]:
    """Can the enrolled users be compared and searched."""
    loaded = load_pack(settings.model)
    contract = loaded.contract
    with closing(Database(settings.database)) as database:
        with database.connection() as connection:
            require_tables(connection)
        users = Gallery(database)
        users.require_comparable(contract)
        yield from limits(database, Ours(settings, contract.id))
        count = users.sizes().get(contract.id, 0)
        if not count:
            yield "nobody enrolled yet: soloface enroll"
            return
        with database.connection() as connection:
            required = settings.match.gallery_required
            found = examine_gallery(connection, _FACES, required=required)
    if found.measured.falls_short:
        raise ConfigurationError(found.advice)
    yield clashing(clash_limit(settings, loaded), count)
    remark = f"; {found.advice}" if found.advice else ""
    yield f"{counted(count, 'user')} enrolled, {found.plan.name} search{remark}"
