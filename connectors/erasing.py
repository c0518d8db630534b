"""What is erased of a user outside the database: kept photos, and messages that name them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

from connectors.jetstream.letters.erasure import erase_messages
from connectors.postgres.photos.erasure import others_photos
from connectors.postgres.session import Connection
from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.settings import NatsSettings, Settings


def erase_kept(
    settings: Settings, connection: Connection, user_id: UUID, *, dry_run: bool = False
) -> int:
    """Delete the photos that were kept of a user, also those that no row names any more.

    Returns how many there are.

    Raises:
        TransientError, SystemicError: the store does not do it.
    """
    photos = EnrolmentPhotos(settings)
    kept = photos.kept_of(user_id)
    others = others_photos(connection, user_id, kept)
    own = photos.kept(photo for photo in kept if photo not in others)
    for ref in [] if dry_run else own:
        photos.delete(ref)
    return len(own)


def erase_told(nats: NatsSettings, user_id: UUID) -> Mapping[str, int]:
    """Overwrite the messages that name a user; returns how many by stream.

    Not the requests about people: each of these ends by itself, and leaves its stream then.

    Raises:
        ConfigurationError, SystemicError: JetStream does not do it.
    """
    spare = frozenset({nats.people_stream})
    return asyncio.run(erase_messages(nats, user_id, dry_run=False, spare=spare))
