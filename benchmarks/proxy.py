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
    try:
        while chunk := await reader.read(_CHUNK):
            if delay_s:
                await asyncio.sleep(delay_s)
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def serve(host: str, port: int, delay_s: float) -> None:
    """Pass on what comes, requests late and answers at once."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store_reader, store_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(_copy(reader, store_writer, delay_s), _copy(store_reader, writer, 0))

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
