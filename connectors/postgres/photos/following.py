"""Bringing a limit that follows the gallery to the number of its users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from connectors.postgres.gallery.users import count_users
from connectors.postgres.photos.limits import NotedLimits, limits_of, locked
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.gallery.limit import rounded_up

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whose galleries changes concern: those named, those of some users, or all."""

    galleries: Sequence[str] = ()
    user_ids: Sequence[UUID] = ()
    everything: bool = False


def follow_gallery(connection: Connection, model: str) -> NotedLimits | None:
    """Bring the limit of a contract to the number of its users, in a transaction.

    It counts all users that it can see. So whoever does this after the last change of users leaves
    the limit of now. A trigger has the faces matched again that the step concerns. The step is
    logged.

    Returns:
        What holds from now on; ``None``: what held before, or the limit does not follow.

    Raises:
        TransientError, SystemicError: the database did not answer.
    """
    noted = limits_of(connection, model)
    if noted is None or noted.follows is None:
        return None  # without counting
    if noted.at(count_users(connection, model)).users == noted.users:
        return None
    # Under a lock: a worker that starts meanwhile would leave other steps behind our back.
    noted = locked(connection, model)
    if noted is None or noted.follows is None:
        return None
    now = noted.at(count_users(connection, model))
    if now.users == noted.users:
        return None
    values = {"model": model, "max_distance": now.policy.max_distance, "users": now.users}
    connection.execute(query("step_limits"), values)
    tell_limit(now, before=noted.policy.max_distance)
    return now


def follow_galleries(connection: Connection, model: str, concerned: Concerned) -> list[str]:
    """Bring the limits of galleries to the number of their members, in a transaction.

    Like :func:`follow_gallery`, for the galleries whose members some changes concern.

    Returns:
        The galleries whose limit is for another number of members from now on.

    Raises:
        TransientError, SystemicError: the database did not answer.
    """
    noted = limits_of(connection, model)
    if noted is None or noted.follows is None:
        return []
    asked = {
        "model": model,
        "all": concerned.everything,
        "user_ids": concerned.user_ids,
        "galleries": concerned.galleries,
    }
    names = [name for (name,) in connection.execute(query("galleries_of_requests"), asked)]
    if not names:
        return []
    # Under a lock: whoever notes other steps meanwhile has all faces matched again.
    if locked(connection, model) is None:
        return []
    place = {"model": model, "galleries": names}
    known: dict[str, int] = dict(connection.execute(query("limits_in_galleries"), place).fetchall())
    counted: dict[str, int] = dict(connection.execute(query("count_members"), place).fetchall())
    most = {name: rounded_up(counted.get(name, 0)) for name in names}
    stepped = [name for name in names if most[name] != known.get(name)]
    if stepped:
        values = {"galleries": stepped, "users": [most[name] for name in stepped]}
        connection.execute(query("step_gallery_limits"), {"model": model, **values})
        log.info("gallery_limits_follow", model=model, galleries=len(stepped))
    return stepped


def tell_limit(noted: NotedLimits, before: float | None = None) -> None:
    """Log where a limit is that follows the gallery, and what is wrong with it."""
    step = noted.step
    if step is None or noted.follows is None:
        return
    log.info(
        "limit_follows_gallery",
        model=noted.model,
        max_fpir=noted.follows.max_fpir,
        users=step.users,
        far=step.far,
        max_distance=noted.policy.max_distance,
        before=before,
    )
    if noted.fixed is not None and noted.fixed < step.distance:
        log.info(
            "limit_is_the_fixed_one",
            detail=f"SOLOFACE_MATCH__MAX_DISTANCE={noted.fixed:g} is smaller than {step.distance:g}"
            ", which SOLOFACE_MATCH__MAX_FPIR would come to; the smaller counts",
        )
    if not step.is_kept:
        log.warning(
            "max_fpir_not_kept",
            max_fpir=noted.follows.max_fpir,
            users=step.users,
            detail=f"for up to {step.users} users it takes a false accept rate of {step.far:.1e}; "
            f"the pack's distances are known down to {noted.follows.lowest_far:.0e} only, and that "
            "one holds; set SOLOFACE_MATCH__MIN_MARGIN too, or a smaller "
            "SOLOFACE_MATCH__MAX_DISTANCE that you have measured (soloface calibrate)",
        )
