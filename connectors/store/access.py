"""Whether the objects of a bucket can be read: asked when the store refuses one of them.

One object is never an outage: the refusal of a key proves something only if other keys are refused
as well. Witnesses are asked in this order, until one of them can be read:

1. keys that this process has read lately;
2. keys that somebody else knows to have been read, like the database;
3. the first keys of the bucket, where this login may list it.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from urllib3.exceptions import HTTPError

from connectors.store.answers import RefusedError, explain
from dataflow.jobs.errors import DataError, SolofaceError, SystemicError, UnprovenError
from dataflow.jobs.image_ref import ImageRef

REMEMBERED = 8
"""How many keys of a bucket that could be read are kept in mind."""
WITNESSES = 3
"""How many of each kind are asked."""
STANDS_FOR_S = 1.0
"""How long it is believed that nothing can be read: those who hold ask every second."""
UNSTEADY_FOR_S = 5.0
"""How long after a loss of access a refusal is not yet believed to be about one object."""
KNOWN_FOR_S = 10.0
"""How long the keys that somebody else knows are kept."""

_NO_LISTING = frozenset({200, 405, 501})
"""The answers of a store that reads and does not list: a page that is no list, or "cannot"."""

Look = Callable[[ImageRef], None]
List = Callable[[str], Iterable[ImageRef]]


@dataclass(frozen=True, slots=True)
class _Finding:
    began: float
    ended: float
    problem: SolofaceError | None


@dataclass(slots=True)
class _Bucket:
    lock: threading.Lock = field(default_factory=threading.Lock)
    read: OrderedDict[ImageRef, None] = field(default_factory=OrderedDict)
    known: list[ImageRef] = field(default_factory=list)
    known_until: float = 0
    finding: _Finding | None = None
    read_at: float = -math.inf
    lost_at: float = -math.inf
    lost: str = ""


class Access:
    """What one process knows of its access to each bucket. Safe to share between threads.

    ``look`` reads as little as it can of an object and raises what the client raises; ``listed``
    lists some objects of a bucket; ``known`` names objects that could be read lately.
    """

    def __init__(
        self, look: Look, listed: List, known: List, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._listed = listed
        self._known = known
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def was_read(self, ref: ImageRef) -> None:
        """An object that is not empty could be read."""
        bucket = self._bucket(ref.bucket)
        read = bucket.read
        with self._lock:
            bucket.read_at = self._now()
            read[ref] = None
            read.move_to_end(ref)
            if len(read) > REMEMBERED:
                read.popitem(last=False)

    def problem(self, refused: ImageRef, answer: RefusedError) -> SolofaceError | None:
        """Why no object of this bucket can be read; ``None``: others can.

        That others can is seen after this call began, so after the refusal that it is about. All
        who ask meanwhile share one look. What comes and goes is not there: for a while after a loss
        of access no object is blamed.
        """
        asked = self._now()
        bucket = self._bucket(refused.bucket)
        with bucket.lock:
            last = bucket.finding
            if last and (last.began >= asked or self._stands(bucket, last)):
                return last.problem
            began = self._now()
            problem = self._steady(bucket, self._examine(bucket, refused, answer))
            bucket.finding = _Finding(began, self._now(), problem)
            return problem

    def _stands(self, bucket: _Bucket, last: _Finding) -> bool:
        """Whether it may still be so that nothing can be read."""
        if last.problem is None or bucket.read_at > last.ended:
            return False
        return self._now() < last.ended + STANDS_FOR_S

    def _steady(self, bucket: _Bucket, problem: SolofaceError | None) -> SolofaceError | None:
        now = self._now()
        if type(problem) is SystemicError:
            bucket.lost_at, bucket.lost = now, str(problem)
        elif problem is None and now < bucket.lost_at + UNSTEADY_FOR_S:
            return SystemicError(f"access was lost moments ago: {bucket.lost}")
        return problem

    def _bucket(self, name: str) -> _Bucket:
        with self._lock:
            return self._buckets.setdefault(name, _Bucket())

    def _examine(
        self, bucket: _Bucket, refused: ImageRef, answer: RefusedError
    ) -> SolofaceError | None:
        name = refused.bucket
        lost: RefusedError | None = None
        try:
            for witnesses in (self._lately(bucket), self._known_of(bucket, name)):
                heard = self._ask(witnesses, refused)
                if heard.readable:
                    return None
                # If nobody else can tell, it counts that this one could be read itself.
                lost = lost or heard.refusal or (answer if refused in witnesses else None)
            try:
                first = list(islice(self._listed(name), WITNESSES))
            except RefusedError as refusal:
                if not lost and (refusal.denied or refusal.status in _NO_LISTING):
                    return _unproven(refusal)
                return _outage(lost or refusal, name)
            heard = self._ask(first, refused)
        except (HTTPError, OSError) as error:
            return _outage(error, name)
        if heard.readable:
            return None
        if lost:
            return _outage(lost, name)
        # A login may be let in to some folders only, and these need not be among them.
        stranger = heard.refusal or (answer if refused in first else None)
        return _unproven(stranger) if stranger else None

    def _lately(self, bucket: _Bucket) -> list[ImageRef]:
        with self._lock:
            return list(reversed(bucket.read))

    def _known_of(self, bucket: _Bucket, name: str) -> list[ImageRef]:
        if self._now() >= bucket.known_until:
            bucket.known = list(islice(self._known(name), REMEMBERED))
            bucket.known_until = self._now() + KNOWN_FOR_S
        return bucket.known

    def _ask(self, refs: Iterable[ImageRef], refused: ImageRef) -> _Testimony:
        """Look at objects until one can be read.

        Raises:
            HTTPError, OSError: none could, and the store is busy or away.
        """
        refusal: RefusedError | None = None
        busy: RefusedError | None = None
        for ref in islice((ref for ref in refs if ref != refused), WITNESSES):
            try:
                self._look(ref)
            except RefusedError as answer:
                if answer.absent:
                    self._forget(ref)
                elif answer.busy:
                    busy = answer
                else:
                    refusal = refusal or answer
                continue
            self.was_read(ref)
            return _Testimony(readable=True)
        if busy and not refusal:
            raise busy
        return _Testimony(readable=False, refusal=refusal)

    def _forget(self, ref: ImageRef) -> None:
        with self._lock:
            self._buckets[ref.bucket].read.pop(ref, None)


@dataclass(frozen=True, slots=True)
class _Testimony:
    readable: bool
    refusal: RefusedError | None = None


def _outage(error: Exception, bucket: str) -> SolofaceError:
    problem = explain(error, bucket)
    # A bucket that is "not there" as an object would be is not there either.
    return SystemicError(str(problem)) if isinstance(problem, DataError) else problem


def _unproven(refusal: RefusedError) -> SolofaceError:
    return UnprovenError(
        f"the object store answers {refusal.word}, and no other object is known that could be read "
        "before, so it cannot be told whether that is about one photo or about all; "
        "see SOLOFACE_STORE__ACCESS_KEY"
    )
