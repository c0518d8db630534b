"""A job off the wire, and what the core is told of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nats.aio.msg import Msg

from connectors.jetstream.jobs.ack_token import AckToken
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.lane import Lane
from dataflow.process.trace import traceparent_of


@dataclass(frozen=True, slots=True)
class Came:
    """A job off the wire, with what the server says of it, and the lane by which it came."""

    message: Msg
    token: AckToken
    lane: Lane = Lane.LIVE


def delivery_of(came: Came) -> Delivery:
    """A job as the core knows it."""
    return replace(plain(came), traceparent=traceparent_of(came.message.headers))


def plain(came: Came) -> Delivery:
    """The job as it is without a word of the publisher's headers."""
    token = came.token
    return Delivery(
        payload=came.message.data,
        ack_token=came.message.reply,
        stream_seq=token.stream_seq,
        attempt=token.attempt,
        published_at=token.published_at,
        lane=came.lane,
        subject=came.message.subject,
    )
