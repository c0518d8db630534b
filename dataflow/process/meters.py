"""What is counted and measured of one queue, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from dataflow.jobs.lane import Lane
from dataflow.process.metrics import (
    CONSUMER_ACK_PENDING,
    CONSUMER_PENDING,
    DEAD_LETTERS,
    DELIVERIES,
    EVENTS,
    IN_FLIGHT,
    LANE_PAUSED,
    OLDEST_JOB_AGE,
    PEOPLE_ACK_PENDING,
    PEOPLE_DEAD_LETTERS,
    PEOPLE_DELIVERIES,
    PEOPLE_EVENTS,
    PEOPLE_IN_FLIGHT,
    PEOPLE_OLDEST_AGE,
    PEOPLE_PAUSED,
    PEOPLE_PENDING,
    PEOPLE_REDELIVERIES,
    REDELIVERIES,
)


@dataclass(frozen=True, slots=True)
class LaneMeters:
    """Of one of its lanes."""

    deliveries: Counter
    redeliveries: Counter
    pending: Gauge
    ack_pending: Gauge
    oldest_age: Gauge
    paused: Gauge


@dataclass(frozen=True, slots=True)
class Meters:
    """Of the whole queue; ``lane`` has those of a lane."""

    lane: Callable[[Lane], LaneMeters]
    events: Counter
    in_flight: Gauge
    dead_letters: Gauge


def _of_photos(lane: Lane) -> LaneMeters:
    return LaneMeters(
        deliveries=DELIVERIES.labels(lane),
        redeliveries=REDELIVERIES.labels(lane),
        pending=CONSUMER_PENDING.labels(lane),
        ack_pending=CONSUMER_ACK_PENDING.labels(lane),
        oldest_age=OLDEST_JOB_AGE.labels(lane),
        paused=LANE_PAUSED.labels(lane),
    )


_OF_PEOPLE = LaneMeters(
    deliveries=PEOPLE_DELIVERIES,
    redeliveries=PEOPLE_REDELIVERIES,
    pending=PEOPLE_PENDING,
    ack_pending=PEOPLE_ACK_PENDING,
    oldest_age=PEOPLE_OLDEST_AGE,
    paused=PEOPLE_PAUSED,
)

PHOTO_METERS = Meters(_of_photos, EVENTS, IN_FLIGHT, DEAD_LETTERS)
PEOPLE_METERS = Meters(
    lambda _lane: _OF_PEOPLE, PEOPLE_EVENTS, PEOPLE_IN_FLIGHT, PEOPLE_DEAD_LETTERS
)
