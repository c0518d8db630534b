"""A store that is far away: a TCP proxy that holds every request back for a while.

``python -m benchmarks.proxy HOST:PORT MILLISECONDS`` prints the port it listens on and runs until
its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

_CHUNK = 1 << 18


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Pass on what comes, each piece so much later, however many are on their way."""
    now = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                under_way.put_nowait((now() + delay_s, chunk))
        under_way.put_nowait((0, b""))

    reading = asyncio.create_task(read())
    with suppress(ConnectionError):
        while chunk := (piece := await under_way.get())[1]:
            await asyncio.sleep(piece[0] - now())
            writer.write(chunk)
            await writer.drain()
    writer.close()
    await reading


async def serve(host: str, port: int, delay_s: float) -> None:
    """Stand before a server: requests come late and answers at once."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # at the end, or the server is away
            server_reader, server_writer = await asyncio.open_connection(host, port)
            await asyncio.gather(
                _copy(reader, server_writer, delay_s), _copy(server_reader, writer, 0)
            )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Run until told to end."""
    address, milliseconds = sys.argv[1:]
    host, _, port = address.rpartition(":")
    asyncio.run(serve(host, int(port), float(milliseconds) / 1000))


if __name__ == "__main__":
    main()
