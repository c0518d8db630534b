"""Reading the enrolled users into memory: all of them once, then those who have changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psycopg import IsolationLevel

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.gallery.remembered import Known, Ledger, Remembered

BYTES_BESIDE = 48
"""What a user takes beside a byte for each number: id, scale, error, order, place in galleries."""

_AT_A_TIME = 500
"""So many vectors fit into a core's cache while they are coded."""
_OF_ANOTHER_LENGTH = "some users have vectors of another length than the model's"
_TRAILER = b"\xff\xff"
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"


class UnreadableError(Exception):
    """The users cannot be remembered: the message says why."""


@dataclass(slots=True)
class Memory:
    """What was read, and the means to go on from there."""

    ledger: Ledger
    now: Remembered


def read(connection: Connection, model: str, dimension: int, room: int) -> Memory:
    """Read every user of a contract and the members of galleries, as of one moment.

    Raises:
        UnreadableError: nothing would tell who changes from then on.
        NoRoomError: there are more than ``room``.
    """
    ledger = Ledger(dimension, room)
    with _at_one_moment(connection):
        snapshot, watch = connection.execute(query("memory_state")).fetchone() or ("", None)
        if watch is None:
            raise UnreadableError(
                "nothing tells who changes; soloface doctor says which trigger is off"
            )
        for rows in _vectors(connection, model, dimension):
            ledger.add(rows["id"], np.asarray(rows["vector"], np.float32))
        found = connection.execute(query("memory_galleries"), binary=True).fetchall()
        ledger.join({name: np.frombuffer(ids, np.uint8).reshape(-1, 16) for name, ids in found})
    return Memory(ledger, ledger.remembered(snapshot, watch))


def go_on(connection: Connection, model: str, memory: Memory) -> Memory | None:
    """Bring it to what is known now; ``None``: all of it has to be read again.

    Raises:
        UnreadableError: a vector is not of the model's length.
        NoRoomError: there are too many users.
    """
    now = memory.now
    asked = {
        "snapshot": now.snapshot,
        "watch": now.watch,
        "most_changed": now.most_changed,
        "model": model,
    }
    rows = connection.execute(query("memory_changes"), asked, binary=True).fetchall()
    snapshot, reread = rows[0][:2]
    if reread:
        return None
    changed = [
        Known(user_id, None if vector is None else vector.to_numpy(), galleries)
        for _, _, user_id, vector, galleries in rows
        if user_id is not None
    ]
    dimension = now.crowd.coded.dimension
    if any(user.vector is not None and user.vector.size != dimension for user in changed):
        raise UnreadableError(_OF_ANOTHER_LENGTH)
    memory.ledger.change(changed)
    return Memory(memory.ledger, memory.ledger.remembered(snapshot, now.watch))


def room_for(megabytes: int, dimension: int) -> int:
    """How many users fit into so much memory."""
    return megabytes * 2**20 // (dimension + BYTES_BESIDE)


@contextmanager
def _at_one_moment(connection: Connection) -> Iterator[None]:
    # Not by a statement: where a pooler is in between, it would not be the first.
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            # Reading so much may take longer than a statement usually does.
            connection.execute("set local statement_timeout = 0")
            yield
    finally:
        if not connection.closed:
            connection.isolation_level = None


def _vectors(connection: Connection, model: str, dimension: int) -> Iterator[NDArray[np.void]]:
    """Rows with ``id`` and ``vector``, some thousands at a time, as COPY sends them."""
    row = np.dtype(
        [
            ("fields", ">i2"),
            ("id_length", ">i4"),
            ("id", "u1", 16),
            ("vector_length", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f4", dimension),
        ]
    )
    waiting = bytearray()
    header = len(_SIGNATURE) + 8
    with connection.cursor() as cursor, cursor.copy(query("read_memory"), {"model": model}) as copy:
        for data in copy:
            waiting += data
            if header:
                if len(waiting) < header:
                    continue
                del waiting[:header]
                header = 0
            if len(waiting) >= _AT_A_TIME * row.itemsize:
                yield _rows(waiting, row)
                waiting = bytearray()
    whole = len(waiting) - len(_TRAILER)
    if whole > 0:
        yield _rows(waiting[:whole], row)


def _rows(data: bytearray, row: np.dtype[np.void]) -> NDArray[np.void]:
    if len(data) % row.itemsize:
        raise UnreadableError(_OF_ANOTHER_LENGTH)
    rows = np.frombuffer(data, row)
    if (rows["dimension"] != row["vector"].shape[0]).any():
        raise UnreadableError(_OF_ANOTHER_LENGTH)
    return rows
