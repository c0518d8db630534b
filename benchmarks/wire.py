"""A wire that counts: what a worker and a server say to each other, in bytes and in messages."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_CHUNK = 1 << 18


class Direction:
    """What went one way, over all connections so far.

    ``messages`` are counted by their ``marks``, what each of them begins with.
    """

    def __init__(self, *marks: bytes) -> None:
        self.bytes = 0
        self.messages = 0
        self._marks = marks
        self._lock = threading.Lock()

    def counter(self) -> Callable[[bytes], None]:
        """What is to be told of each piece of one connection, in their order."""
        ends = dict.fromkeys(self._marks, b"")

        def count(piece: bytes) -> None:
            found = 0
            for mark in self._marks:
                text = ends[mark] + piece  # a mark may be cut in two
                found += text.count(mark)
                ends[mark] = text[1 - len(mark) :]
            with self._lock:
                self.bytes += len(piece)
                self.messages += found

        return count


class Wire:
    """Stands before a server on the loopback and hands on what comes.

    Args:
        address: host:port of the server.
        asked: what goes to the server.
        answered: what comes back.
    """

    def __init__(self, address: str, asked: Direction, answered: Direction) -> None:
        host, _, port = address.rpartition(":")
        self.asked = asked
        self.answered = answered
        self._server = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def address(self) -> str:
        """Where to reach the server through it, as host:port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def bytes(self) -> int:
        """Both ways."""
        return self.asked.bytes + self.answered.bytes

    @property
    def messages(self) -> int:
        """Both ways."""
        return self.asked.messages + self.answered.messages

    def close(self) -> None:
        """Take no more connections; those that are open go on until one side ends them."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self._server)
                except OSError:
                    near.close()
                    continue
                for ends in ((near, far, self.asked), (far, near, self.answered)):
                    threading.Thread(target=_hand_on, args=ends, daemon=True).start()


def _hand_on(source: socket.socket, sink: socket.socket, direction: Direction) -> None:
    """Copy until either side ends, and end the other."""
    count = direction.counter()
    with source:
        with suppress(OSError):
            while piece := source.recv(_CHUNK):
                count(piece)
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
