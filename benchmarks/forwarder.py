"""A TCP proxy before a real server: it counts what passes, or comes late, or misbehaves on demand.

``python -m benchmarks.forwarder HOST:PORT MILLISECONDS`` holds each request back for so long, in a
process of its own; it prints the port that it listens on, and runs until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from benchmarks.direction import Direction

T = TypeVar("T")
Count: TypeAlias = Callable[[bytes], None]

_CHUNK = 64 * 1024
_QUEUED_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to connections and to what passes over them.

    ``refuses``: nobody listens, and those who are connected are hung up on. ``deaf``: connections
    are accepted, and nothing passes. Requests come ``request_delay_s`` late, however many are on
    their way. ``answer_bytes_per_s`` is how slowly the server's answers pass, and ``cut_after`` how
    many bytes of them before it hangs up.
    """

    refuses: bool = False
    deaf: bool = False
    request_delay_s: float = 0
    answer_bytes_per_s: float | None = None
    cut_after: int | None = None


FORWARD = Behaviour()
REFUSE = Behaviour(refuses=True)
DEAF = Behaviour(deaf=True)


def trickling(bytes_per_s: float) -> Behaviour:
    """A server whose answers come so slowly."""
    return Behaviour(answer_bytes_per_s=bytes_per_s)


def cutting(after: int) -> Behaviour:
    """A server that hangs up after so many bytes of each connection's answers."""
    return Behaviour(cut_after=after)


class Forwarder:
    """Passes TCP connections on to a server, by default of this machine; a context manager.

    It lives in a thread of its own, and ``port`` stays the same whatever it does. ``requests`` and
    ``answers`` are told of what passes.
    """

    def __init__(
        self,
        server_port: int,
        behaviour: Behaviour = FORWARD,
        *,
        server_host: str = "127.0.0.1",
        requests: Direction | None = None,
        answers: Direction | None = None,
    ) -> None:
        self.port = 0
        self.requests = requests or Direction()
        self.answers = answers or Direction()
        self._server_at = server_host, server_port
        self._behaviour = behaviour
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="forwarder", daemon=True
        )

    @property
    def address(self) -> str:
        """As host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def bytes(self) -> int:
        """What has passed, both ways."""
        return self.requests.bytes + self.answers.bytes

    @property
    def messages(self) -> int:
        """What has passed of them, both ways."""
        return self.requests.messages + self.answers.messages

    def behave(self, behaviour: Behaviour) -> None:
        """Change what happens from now on, also on connections that are open."""
        self._run(self._behave(behaviour))

    def forget_connections(self) -> None:
        """Leave those that are open without an answer for ever, and without an end."""
        self._run(self._forget())

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._behave(self._behaviour))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _behave(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        if behaviour.refuses:
            await self._stop_listening()
            await self._hang_up()
        elif self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        for link in self._links:
            link.obey(behaviour)

    async def _forget(self) -> None:
        for link in self._links:
            link.forget()

    async def _stop_listening(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    async def _hang_up(self) -> None:
        tasks = [link.task for link in self._links if link.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)

    async def _close(self) -> None:
        await self._stop_listening()
        await self._hang_up()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self._behaviour, self.requests.counter(), self.answers.counter())
        self._links.add(link)
        try:
            await link.run(reader, writer, self._server_at)
        finally:
            self._links.discard(link)


class _Link:
    """One connection and its two directions."""

    def __init__(self, behaviour: Behaviour, count_request: Count, count_answer: Count) -> None:
        self._behaviour = behaviour
        self._count_request = count_request
        self._count_answer = count_answer
        self._forgotten = False
        self._changed = asyncio.Event()
        self.task = asyncio.current_task()

    def obey(self, behaviour: Behaviour) -> None:
        if not self._forgotten:
            self._behaviour = behaviour
            self._changed.set()
            self._changed = asyncio.Event()

    def forget(self) -> None:
        self.obey(DEAF)
        self._forgotten = True

    async def run(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_at: tuple[str, int],
    ) -> None:
        ends = [writer]
        try:
            await self._while_deaf()
            server_reader, server_writer = await asyncio.open_connection(*server_at)
            ends.append(server_writer)
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pass(reader, server_writer, answers=False))
                directions.create_task(self._pass(server_reader, writer, answers=True))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        """Pass on until the end, reading ahead so that a delay is no limit to the throughput."""
        queue = asyncio.Queue[tuple[float, bytes]](_QUEUED_CHUNKS)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write(queue, writer, answers=answers))
            while True:
                chunk = await reader.read(_CHUNK)
                (self._count_answer if answers else self._count_request)(chunk)
                delay_s = 0 if answers else self._behaviour.request_delay_s
                await queue.put((time.monotonic() + delay_s, chunk))
                if not chunk:
                    break

    async def _write(
        self,
        queue: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        *,
        answers: bool,
    ) -> None:
        passed = 0
        while True:
            due, chunk = await queue.get()
            if (wait_s := due - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            if not chunk:
                await self._while_deaf()
                writer.write_eof()
                return
            while chunk:
                await self._while_deaf()
                size = await self._portion(len(chunk), passed) if answers else len(chunk)
                writer.write(chunk[:size])
                await writer.drain()
                chunk = chunk[size:]
                passed += size

    async def _portion(self, size: int, passed: int) -> int:
        """How much of an answer may pass now.

        Raises:
            ConnectionAbortedError: nothing, ever.
        """
        if self._behaviour.cut_after is not None:
            size = min(size, self._behaviour.cut_after - passed)
            if size <= 0:
                raise ConnectionAbortedError
        if rate := self._behaviour.answer_bytes_per_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 1 / rate)
            size = 1
        return size

    async def _while_deaf(self) -> None:
        while self._behaviour.deaf:
            await self._changed.wait()


def main() -> None:
    """Stand before a server that is far away, until told to end."""
    address, milliseconds = sys.argv[1:]
    host, _, port = address.rpartition(":")
    late = Behaviour(request_delay_s=float(milliseconds) / 1000)
    with Forwarder(int(port), late, server_host=host) as forwarder:
        sys.stdout.write(f"{forwarder.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
