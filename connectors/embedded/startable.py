"""What can be started and closed, and so is a context manager."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Startable(ABC):
    """Starts where a `with` block begins, and is closed where it ends."""

    @abstractmethod
    def start(self) -> Self:
        """Start, and return once it serves."""

    @abstractmethod
    def close(self) -> None:
        """Stop, and remove what is temporary."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
