"""The photos of one request: how they are named, read and looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from dataflow.jobs.delivery import SUSPECT_FROM, Delivery
from dataflow.jobs.errors import DataError, Stopped, TransientError
from dataflow.jobs.image_ref import RefPolicy
from dataflow.jobs.reason import Reason
from dataflow.process.begun import carry
from dataflow.process.crew import Crew
from dataflow.steps.fetching import Fetching

T = TypeVar("T")


def in_full(ref: str, refs: RefPolicy) -> str:
    """A reference that means the same whatever the default bucket is; a bad one stays as it is."""
    try:
        return refs.parse(ref).in_full
    except DataError:
        return ref


@dataclass(frozen=True, slots=True)
class PhotoReader:
    """Reads the photos of one delivery.

    ``known`` are those on record: the enroller's own references, which need not be under the
    prefixes that requests are held to. ``given_up`` says that nobody waits for the answer any more.
    """

    fetching: Fetching
    delivery: Delivery
    names: Mapping[str, str | None]
    known: frozenset[str]
    given_up: Callable[[], bool]

    def __call__(self, photo: str) -> bytes:
        """Read one.

        Raises:
            DataError: it cannot be read, whoever tries.
            TransientError, Stopped, UnwantedError: the request comes again, or is nobody's.
        """
        if self.given_up():
            raise Stopped("stopped before it was done")
        refs = self.fetching.refs
        if photo in self.known:
            refs = RefPolicy(refs.default_bucket, refs.further_buckets)
        names = {**self.names, "image_ref": photo}
        return self.fetching.read(refs.parse(photo), self.delivery, names)


@dataclass(frozen=True, slots=True)
class Looking:
    """Computes on a crew, which waits for nothing beyond its deadline."""

    crew: Crew
    delivery: Delivery

    def __call__(self, work: Callable[[], T]) -> T:
        """Do some work there.

        Raises:
            TransientError: it is late. At first that may have been the machine.
            DataError: ``image_undecodable``: it is late again, alone.
        """
        result: Future[T] = Future()

        def run(done: Future[T]) -> None:
            done.set_result(work())

        def late(_done: Future[T]) -> None:
            raise self._late()

        self.crew.submit(partial(carry, result, run), partial(carry, result, late))
        return result.result()

    def _late(self) -> Exception:
        if self.delivery.attempt < SUSPECT_FROM:
            return TransientError("a photo takes too long")
        return DataError(Reason.IMAGE_UNDECODABLE, "not recognised in time")


class InTurn(Executor):
    """Does one thing after the other: requests are side by side already."""

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """As `map`, when each is asked for."""
        del timeout, chunksize
        return map(fn, *iterables)
