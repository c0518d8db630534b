"""What source, sink and letters have to know of a kind of job; all else they do for any kind."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from dataflow.jobs.cloud_event import Told
from dataflow.jobs.outcome import Retry
from dataflow.jobs.stages import Lap
from dataflow.process.meters import Meters

Tell: TypeAlias = Callable[[Any, str, str, datetime], Told]
"""Makes an event of an outcome, its stream, the model in use and the time."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job.

    ``tell`` makes the event of one that has ended. ``settled`` reports it, with what came too late
    for the event; ``sent_back`` reports one that comes again. ``about`` says whom it concerns: two
    jobs about the same do not meet in one write.
    """

    tell: Tell
    meters: Meters
    settled: Callable[[Any, Sequence[Lap]], None]
    sent_back: Callable[[Retry], None]
    about: Callable[[Any], Hashable]
