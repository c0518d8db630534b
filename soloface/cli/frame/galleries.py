"""Galleries, as people name them and as jobs have to."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

from dataflow.jobs.errors import ConfigurationError, SolofaceError
from soloface.cli.frame.output import complain

if TYPE_CHECKING:
    from dataflow.settings import Settings

REQUIRED = "SOLOFACE_MATCH__GALLERY=required, here or for the workers"


def gallery_of(name: str, where: str) -> str:
    """The name of a gallery.

    Raises:
        ConfigurationError: it is none; ``where`` says where it stands.
    """
    from dataflow.jobs.job import GALLERY

    if not re.fullmatch(GALLERY, name):
        raise ConfigurationError(
            f"{where}: the name of a gallery must be 1 to 128 letters, digits and . _ : - "
            "without spaces"
        )
    return name


def jobs_need_gallery(settings: Settings, *, without_database: bool = True) -> bool:
    """Whether the workers skip a job that names no gallery.

    It is set here, or they have noted it in the database. If that does not answer, this says so on
    standard error and goes by the environment: who publishes may have no login to it.

    Raises:
        ConfigurationError, TransientError, SystemicError: the database did not answer, and nothing
            goes ``without_database``.
    """
    from connectors.postgres.connection import Database
    from soloface.rules import requires_gallery

    try:
        with closing(Database(settings.database)) as database:
            return requires_gallery(settings, database)
    except SolofaceError as error:
        if not without_database:
            raise
        complain(
            "jobs without a gallery are published, though the database does not say whether the "
            f"workers take them: {error}"
        )
        return False
