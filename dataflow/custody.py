"""Who vouches for a delivery: the process that holds it, and no other.

Threads hand a delivery on by reference, but in a Bytewax cluster it may travel to another process.
It does so pickled, and that is how its custodians hear of it: it leaves the one process and arrives
in the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Custodian(Protocol):
    """Vouches for what this process holds. Called from any thread."""

    def add(self, ack_tokens: Iterable[str]) -> None:
        """Begin to vouch for these deliveries."""

    def remove(self, ack_token: str) -> None:
        """Stop vouching."""


_custodians: list[Custodian] = []


def appoint(custodian: Custodian) -> None:
    """Let somebody vouch for what arrives in this process."""
    _custodians.append(custodian)


def dismiss(custodian: Custodian) -> None:
    """Let them do so no more."""
    _custodians.remove(custodian)


def arrived(ack_token: str) -> None:
    """A delivery came from another process."""
    for custodian in _custodians:
        custodian.add([ack_token])


def left(ack_token: str) -> None:
    """A delivery is on its way to another process."""
    for custodian in _custodians:
        custodian.remove(ack_token)
