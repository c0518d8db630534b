"""A TCP proxy that misbehaves on demand, to be put in front of a real server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_CHUNK = 64 * 1024
_QUEUED_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to connections and to what passes over them.

    ``refuses``: nobody listens, and those who are connected are hung up on. ``deaf``: connections
    are accepted, and nothing passes. ``delay_s`` is added each way. ``answer_bytes_per_s`` is how
    slowly the server's answers pass, and ``cut_after`` how many bytes of them before it hangs up.
    """

    refuses: bool = False
    deaf: bool = False
    delay_s: float = 0
    answer_bytes_per_s: float | None = None
    cut_after: int | None = None


FORWARD = Behaviour()
REFUSE = Behaviour(refuses=True)
DEAF = Behaviour(deaf=True)


def delayed(seconds: float) -> Behaviour:
    """A network with that latency each way; what is in flight does not wait for each other."""
    return Behaviour(delay_s=seconds)


def trickling(bytes_per_s: float) -> Behaviour:
    """A server whose answers come so slowly."""
    return Behaviour(answer_bytes_per_s=bytes_per_s)


def cutting(after: int) -> Behaviour:
    """A server that hangs up after so many bytes of each connection's answers."""
    return Behaviour(cut_after=after)


class Proxy:
    """Passes TCP connections on to a port of 127.0.0.1; a context manager.

    It lives in a thread of its own, and ``port`` stays the same whatever it does.
    """

    def __init__(self, target_port: int, behaviour: Behaviour = FORWARD) -> None:
        self.port = 0
        self._target_port = target_port
        self._behaviour = behaviour
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    @property
    def address(self) -> str:
        """As host:port."""
        return f"127.0.0.1:{self.port}"

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
        link = _Link(self._behaviour)
        self._links.add(link)
        try:
            await link.run(reader, writer, self._target_port)
        finally:
            self._links.discard(link)


class _Link:
    """One connection and its two directions."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
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
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target_port: int
    ) -> None:
        ends = [writer]
        try:
            await self._while_deaf()
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", target_port)
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
                await queue.put((time.monotonic() + self._behaviour.delay_s, chunk))
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
