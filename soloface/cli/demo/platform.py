"""The platform's side of the second act: it sends messages, and hears what is told."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

import orjson

from connectors.embedded.process import ending_with_us
from connectors.jetstream.connection import connect
from connectors.jetstream.letters.following import Feed, events
from connectors.jetstream.provision import make_missing
from dataflow.jobs.errors import SystemicError
from dataflow.settings import NatsSettings, Settings
from soloface.cli.demo.run import DEADLINE_S, DRAIN_S, furnish, publish, worker_command
from soloface.cli.demo.scenario import Case

LAST_BYTES = 3000
"""Of a process's log, which are shown if it fails."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Platform:
    """Talks with a running process by NATS alone.

    It hears what was told from ``since`` on, and waits until ``deadline`` of the monotonic clock.
    """

    settings: Settings
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    since: datetime
    deadline: float

    @property
    def nats(self) -> NatsSettings:
        """Where it is talked to."""
        return self.settings.nats

    def require_running(self) -> None:
        """Check that the process is there.

        Raises:
            SystemicError: it has ended by itself.
        """
        if self.process.poll() is not None:
            raise _failed("ended too early", self.log)

    def settle(self, cases: Sequence[Case]) -> list[Message | None]:
        """Publish jobs and their photos; returns how each ended, ``None``: it was not told.

        Raises:
            SystemicError: the process has ended.
        """
        furnish(self.settings, cases)
        published = asyncio.run(publish(self.nats, cases))
        feed = Feed.outcomes(self.nats)
        told = self.hear(feed, lambda event: event.get("stream_seq") in published, len(published))
        ended = {event["stream_seq"]: event for event in told}
        return [ended.get(sequence) for sequence in published]

    def ask(self, subject: str, **request: object) -> int:
        """Publish a request about a person; returns its sequence."""

        async def published() -> int:
            connection = await connect(self.nats, "soloface demo")
            try:
                js = connection.jetstream()
                stream = self.nats.people_stream
                return (await js.publish(subject, orjson.dumps(request), stream=stream)).seq
            finally:
                await connection.close()

        return asyncio.run(published())

    def hear(self, feed: Feed, wanted: Callable[[Message], bool], count: int = 1) -> list[Message]:
        """Wait for so many messages that are wanted; returns fewer only if the time is over.

        Raises:
            SystemicError: the process has ended.
        """

        async def heard() -> list[Message]:
            found: list[Message] = []
            async with (
                events(self.nats, feed) as stream,
                aclosing(stream.follow(self.since)) as following,
            ):
                async for told in following:
                    found += [one.data for one in told if wanted(one.data)]
                    if len(found) >= count or time.monotonic() > self.deadline:
                        break
                    self.require_running()
            return found

        return asyncio.run(heard())


@contextmanager
def platform(settings: Settings, since: datetime) -> Iterator[Platform]:
    """Run the worker with people by messages, and talk with it; at the end it has to drain.

    Raises:
        SystemicError: it ended by itself, or did not drain.
    """
    asyncio.run(make_missing(settings.nats.people))
    command = ending_with_us(worker_command("all"), signal.SIGTERM)
    with (
        tempfile.TemporaryFile() as log,
        # Ctrl-C is for us: the worker is told to drain when nobody needs it any more.
        subprocess.Popen(command, env=os.environ, stderr=log, start_new_session=True) as process,
    ):
        try:
            yield Platform(settings, process, log, since, time.monotonic() + DEADLINE_S)
            process.terminate()
            process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            raise _failed(f"did not stop within {DRAIN_S} s", log) from None
        finally:
            process.kill()
        if process.returncode:
            raise _failed(f"ended with {process.returncode}", log)


def _failed(how: str, log: IO[bytes]) -> SystemicError:
    # Not from where the file stands, which the process has in common with us.
    size = os.fstat(log.fileno()).st_size
    words = os.pread(log.fileno(), LAST_BYTES, max(0, size - LAST_BYTES))
    return SystemicError(f"the worker {how}\n{words.decode(errors='replace')}")
