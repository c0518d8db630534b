"""What goes one way between a worker and a server, counted in bytes and in messages."""

from __future__ import annotations

from collections.abc import Callable


class Direction:
    """What went one way, over all connections so far.

    ``messages`` are counted by their ``marks``, what each of them begins with.
    """

    def __init__(self, *marks: bytes) -> None:
        self.bytes = 0
        self.messages = 0
        self._marks = marks

    def counter(self) -> Callable[[bytes], None]:
        """What is to be told of each piece of one connection, in their order."""
        ends = dict.fromkeys(self._marks, b"")

        def count(piece: bytes) -> None:
            found = 0
            for mark in self._marks:
                text = ends[mark] + piece  # a mark may be cut in two
                found += text.count(mark)
                ends[mark] = text[1 - len(mark) :]
            self.bytes += len(piece)
            self.messages += found

        return count
