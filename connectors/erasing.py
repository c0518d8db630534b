"""What is erased of a user outside the database: kept photos, and messages that name them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from connectors.jetstream.letters.erasure import erase_messages
from connectors.jetstream.letters.letter import letter_of
from connectors.jetstream.stored import Stored
from connectors.postgres.photos.erasure import others_photos
from connectors.postgres.session import Connection
from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.persons.event import told_of
from dataflow.persons.order import Moment
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


def erase_told(nats: NatsSettings, user_id: UUID, withdrawn: Moment) -> Mapping[str, int]:
    """Overwrite what was told of a user before a withdrawal; returns how many messages by stream.

    Not the requests about people: each of these ends by itself, and leaves its stream then. Nor
    what is told of this withdrawal itself and of later requests.

    Raises:
        ConfigurationError, SystemicError: JetStream does not do it.
    """
    kept = partial(_is_kept, nats, withdrawn)
    return asyncio.run(erase_messages(nats, user_id, dry_run=False, spares=kept))


def _is_kept(nats: NatsSettings, withdrawn: Moment, stream: str, message: Stored) -> bool:
    if stream == nats.people_stream:
        return True
    found = None
    if stream == nats.people_settled_stream:
        found = told_of(message.data)
    elif stream == nats.people_dead_stream:
        letter = letter_of(message)
        if letter.published_at:
            found = Moment(letter.stream_seq, letter.published_at)
    return found is not None and not withdrawn.is_after(found)
