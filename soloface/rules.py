"""The limits that recorded faces are matched by: the workers', not this process's environment's."""

from __future__ import annotations

from collections.abc import Callable

from connectors.postgres.connection import Database
from connectors.postgres.gallery.required import gallery_required
from connectors.postgres.gallery.users import Gallery, count_users
from connectors.postgres.photos.limits import Limits, following_policy
from connectors.postgres.tags.deciding import Rules
from dataflow.faces.packs.loading import threshold_of
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings
from dataflow.steps.matching import MatchPolicy
from soloface.limits import following_limit


def rules_of_workers(
    settings: Settings,
    database: Database,
    complain: Callable[[str], None],
    *,
    without_users: bool = False,
) -> Rules:
    """The limits that workers of the gallery's contract have noted, or those of the environment.

    Args:
        settings: the environment.
        database: where the workers note them.
        complain: is told where none has noted any.
        without_users: what it is for also makes sense where nobody is enrolled; the contract is
            then the empty text, that of no face.

    Raises:
        ConfigurationError: nobody is enrolled, and no worker ever started; or none has noted any,
            and the pack of the environment is not there.
        TransientError, SystemicError: the database did not answer.
    """
    limits = Limits(database)
    model = Gallery(database).someones_model()
    noted = limits.coming(model) if model else limits.noted()
    if noted:
        return Rules(noted.policy, noted.model, settings.rematch.move)
    if model is None and not without_users:
        raise ConfigurationError(
            "nobody is enrolled and no worker ever started here, so no face can be matched; enrol "
            "users first (soloface enroll)"
        )
    complain(
        "no worker has noted its limits in this database yet: those of this environment count "
        "(SOLOFACE_MATCH__…)"
    )
    return rules_of_environment(settings, database, model or "")


def rules_of_environment(settings: Settings, database: Database, model: str) -> Rules:
    """The limits that a worker in this environment would note.

    Raises:
        ConfigurationError: the pack of the environment is not there, or knows no such limit.
        TransientError, SystemicError: the database did not answer.
    """
    match = settings.match
    # A setting that is missing here does not bring tenants together.
    required = requires_gallery(settings, database, model)
    policy = MatchPolicy(
        threshold_of(settings.model), match.max_distance, match.min_margin, required
    )
    if follows := following_limit(settings):
        with database.connection() as connection:
            policy = following_policy(policy, follows.at(count_users(connection, model)))
    return Rules(policy, model, settings.rematch.move)


def requires_gallery(settings: Settings, database: Database, model: str | None = None) -> bool:
    """Whether each comparison has to name a gallery: it is set here, or the workers have noted it.

    Args:
        settings: the environment.
        database: where the workers note it.
        model: the contract that is compared; ``None``: that of the last worker.

    Raises:
        TransientError, SystemicError: the database did not answer.
    """
    if settings.match.gallery_required:
        return True
    with database.connection() as connection:
        return gallery_required(connection, model)
