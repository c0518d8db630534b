"""Who vouches for a delivery: the process that holds it.

Threads hand a delivery on by reference, but in a Bytewax cluster it may travel to another process.
It does so pickled, and that is how its custodians hear of it: it leaves the one process and arrives
in the other. The other may be busy, for as long as its database is away; so the first vouches for
what is on its way until it is told of the arrival.
"""

from __future__ import annotations

from typing import Protocol

UNCLAIMED = ""
"""The receipt of a delivery that nobody vouches for."""


class Custodian(Protocol):
    """Vouches for what this process holds. Called from any thread."""

    def takes(self, ack_token: str) -> bool:
        """Whether it is of the queue that they vouch for."""

    def left(self, ack_token: str) -> str:
        """It is on its way to another process; returns the receipt that is wanted from there."""

    def arrived(self, ack_token: str, receipt: str) -> None:
        """It came from another process, which wants this receipt."""


_custodians: list[Custodian] = []
"""Of those of a queue the one that was appointed last is told; a worker has no other."""


def appoint(custodian: Custodian) -> None:
    """Let somebody vouch for what arrives in this process."""
    _custodians.append(custodian)


def dismiss(custodian: Custodian) -> None:
    """Let them do so no more."""
    _custodians.remove(custodian)


def left(ack_token: str) -> str:
    """A delivery is on its way to another process; returns the receipt that is wanted."""
    custodian = _of(ack_token)
    return UNCLAIMED if custodian is None else custodian.left(ack_token)


def arrived(ack_token: str, receipt: str) -> None:
    """A delivery came from another process, which wants this receipt."""
    custodian = _of(ack_token)
    if custodian is not None and receipt != UNCLAIMED:
        custodian.arrived(ack_token, receipt)


def _of(ack_token: str) -> Custodian | None:
    return next((one for one in reversed(_custodians) if one.takes(ack_token)), None)
