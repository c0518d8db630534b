"""Points of a job's way at which a process can be made to end as in a crash."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any

import connectors.postgres.photos.recorder
import dataflow.steps.recognition
from connectors.jetstream.jobs.settling import TERM, Settler
from connectors.postgres.photos.recorder import Connection, Recorder
from connectors.store import MinioStore
from dataflow.jobs.outcome import Settled

Answer = Callable[[Settler, str, bytes], Coroutine[Any, Any, None]]
Together = Callable[[Connection], AbstractContextManager[None]]
Bury = Callable[[Settler, Settled], Coroutine[Any, Any, None]]

_CONFIRMATION_S = 0.003
"""About how long the server takes to confirm a dead letter."""


class Death:
    """Comes at the n-th time that it is due."""

    def __init__(self, passes: int) -> None:
        self._left = passes
        self._lock = threading.Lock()

    def due(self) -> bool:
        """Count a pass."""
        with self._lock:
            self._left -= 1
            return self._left == 0

    def come(self) -> None:
        """End this process, if it is due."""
        if self.due():
            die()


def die() -> None:
    """End this process without another instruction of it."""
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:  # noqa: ANN401
    """Put what ``make`` makes of a function of a module or class in its place."""
    original = getattr(owner, name)
    setattr(owner, name, wraps(original)(make(original)))


def before(owner: object, name: str, act: Callable[[], None]) -> None:
    """Act before a function is called."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: object, **kwargs: object) -> object:
            act()
            return original(*args, **kwargs)

        return wrapped

    wrap(owner, name, make)


def after(owner: object, name: str, act: Callable[[], None]) -> None:
    """Act after it has returned."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: object, **kwargs: object) -> object:
            result = original(*args, **kwargs)
            act()
            return result

        return wrapped

    wrap(owner, name, make)


def before_commit(act: Callable[[Connection], object]) -> None:
    """Act when all statements of a writer's transaction are done but the last."""

    def make(sent_together: Together) -> Together:
        @contextmanager
        def together(connection: Connection) -> Iterator[None]:
            with sent_together(connection):
                yield
                act(connection)

        return together

    wrap(connectors.postgres.photos.recorder, "sent_together", make)


def _before_commit(death: Death) -> None:
    def come(connection: Connection) -> None:
        connection.execute("select 1").fetchone()  # so the server has done what was only sent
        death.come()

    before_commit(come)


def _during_the_dead_letter(death: Death) -> None:
    def make(bury: Bury) -> Bury:
        async def buried(self: Settler, item: Settled) -> None:
            if not death.due():
                await bury(self, item)
                return
            publishing = asyncio.ensure_future(bury(self, item))
            # Not sent yet, sent, or confirmed: each at times.
            await asyncio.sleep(random.uniform(0, _CONFIRMATION_S))  # noqa: S311
            die()
            await publishing

        return buried

    wrap(Settler, "_bury", make)


def _before_term(death: Death) -> None:
    def make(answer: Answer) -> Answer:
        async def answered(self: Settler, ack_token: str, what: bytes) -> None:
            if what == TERM:
                death.come()
            await answer(self, ack_token, what)

        return answered

    wrap(Settler, "answer", make)


POINTS: Mapping[str, Callable[[Death], None]] = {
    "after_fetch": lambda death: after(MinioStore, "read", death.come),
    "after_embed": lambda death: after(dataflow.steps.recognition, "recognise", death.come),
    "before_commit": _before_commit,
    "after_commit": lambda death: after(Recorder, "record", death.come),
    "dead_letter": _during_the_dead_letter,
    "before_term": _before_term,
}
"""What each point's name stands for; ``after_commit`` is before the acknowledgement."""
