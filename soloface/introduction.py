"""What a worker says of itself when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import structlog

from connectors.postgres.connection import Database
from connectors.postgres.photos.following import tell_limit
from connectors.postgres.photos.limits import Limits, wanted
from dataflow.faces.face import FacePack
from dataflow.faces.packs.loading import renamed
from dataflow.gallery.limit import FollowingLimit
from dataflow.process.version import VERSION
from dataflow.settings import Settings
from dataflow.steps.matching import MatchPolicy
from soloface.rules import requires_gallery

log = structlog.get_logger()


def introduce(
    settings: Settings,
    pack: FacePack,
    policy: MatchPolicy,
    follows: FollowingLimit | None,
    database: Database,
) -> None:
    """Log what is at work here, and note in the database what the workers match by from now on.

    Whether a gallery is required stays as it was noted, unless it is set here.

    Raises:
        SystemicError: the database does not take it.
    """
    model = pack.contract.id
    limits = Limits(database)
    last = limits.noted()
    if settings.match.gallery is None:
        # A setting that is missing does not bring tenants together.
        required = requires_gallery(settings, database, model)
        policy = replace(policy, gallery_required=required)
    past = limits.note(model, policy, follows)
    here = wanted(policy, follows)
    log.info(
        "worker_starts",
        version=VERSION,
        pack=settings.model.pack,
        model=model,
        threshold=policy.threshold,
        **here,
        gallery_required=policy.gallery_required,
        quality=settings.quality.photos,
        nats=[address(server) for server in settings.nats.servers],
        stream=settings.nats.stream,
        durable=settings.nats.durable,
        store=address(settings.store.endpoint),
        postgres=_server_of(database),
    )
    if advice := renamed(settings.model):
        log.warning("pack_renamed", detail=advice)
    if policy.max_distance is None and follows is None:
        log.warning(
            "no_distance_limit",
            detail="every face is matched with the nearest user, however unlike; set "
            f"SOLOFACE_MATCH__MAX_DISTANCE={policy.threshold:g}, this pack's threshold, or say "
            "with SOLOFACE_MATCH__MAX_FPIR which share of strangers' photos may get a wrong tag",
        )
    now = _deciding(policy, here)
    if past and (before := _deciding(past.policy, past.wanted)) != now:
        log.warning(
            "limits_changed",
            before=before,
            now=now,
            noted_at=past.noted_at.isoformat(timespec="seconds"),
            detail="all workers match by these now, also those that were started with others",
        )
    elif last and past is None and last.policy.gallery_required and not policy.gallery_required:
        log.warning(
            "limits_changed",
            before={"gallery_required": True},
            now={"gallery_required": False},
            noted_at=last.noted_at.isoformat(timespec="seconds"),
            detail=f"workers of {last.model} compared in galleries only; by "
            "SOLOFACE_MATCH__GALLERY=optional faces and users without a gallery are compared with "
            "everybody from now on",
        )
    if follows and (noted := limits.of(model)):
        tell_limit(noted)


def _deciding(policy: MatchPolicy, wanted: Mapping[str, float | None]) -> dict[str, object]:
    required = policy.gallery_required
    return {"threshold": policy.threshold, **wanted, "gallery_required": required}


def address(server: str) -> str:
    """The host and port of a server's URL; no login and nothing else of it."""
    bare = server.rpartition("@")[2]
    return urlsplit(bare if "://" in bare else f"//{bare}").netloc


def _server_of(database: Database) -> str:
    with database.connection() as connection:
        info = connection.info
        host = f"[{info.host}]" if ":" in info.host else info.host
        return f"{host}:{info.port}"
