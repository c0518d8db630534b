"""Step 5: notice a second job for a photo whose first one is still on its way.

It only saves work, the truth is the database's. So nothing is dropped here: a duplicate is marked
with the job it repeats, and the sink settles it once that one is recorded. The same stream sequence
again is no duplicate but a redelivery: the first delivery may have died on its way.
"""

from __future__ import annotations

import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from dataflow.steps.request import Recognised, Request

SHARDS = 64


def shard_of(item: Request | Recognised) -> str:
    """Spread photos over a fixed number of keys, so that old ones are found without a scan."""
    return str(zlib.crc32(item.job.photo_id.bytes) % SHARDS)


@dataclass(slots=True)
class SeenPhotos:
    """The photos of one shard that passed within ``window_s``, at most ``entries`` of them."""

    window_s: float
    entries: int
    now: Callable[[], float] = time.monotonic
    _seen: OrderedDict[UUID, tuple[int, float]] = field(default_factory=OrderedDict)

    def mark(self, item: Recognised) -> Recognised:
        """Remember the photo, or mark the job as a duplicate of the one that came before."""
        now = self.now()
        while self._seen and self._oldest_at() < now - self.window_s:
            self._seen.popitem(last=False)
        photo_id, seq = item.job.photo_id, item.delivery.stream_seq
        first_seq, _ = self._seen.get(photo_id, (seq, now))
        if first_seq != seq:
            return replace(item, duplicate_of=first_seq)
        self._seen[photo_id] = (seq, now)
        self._seen.move_to_end(photo_id)
        if len(self._seen) > self.entries:
            self._seen.popitem(last=False)
        return item

    def _oldest_at(self) -> float:
        return next(iter(self._seen.values()))[1]

    def __len__(self) -> int:
        return len(self._seen)
