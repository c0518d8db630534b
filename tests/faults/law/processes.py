"""Processes that stop, go on and die between any two statements, as they are told."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, cast

from pgvector.psycopg import register_vector

from connectors.postgres.connection import Database, connect
from connectors.postgres.session import Connection
from dataflow.jobs.errors import DataError, SolofaceError
from dataflow.settings import DatabaseSettings

LOCK_TIMEOUT_S = 0.02
"""How long somebody waits for a lock whose holder stands still, and is told to try again."""

_PATIENCE_S = 60


class CrashedError(BaseException):
    """The process is gone: no handler of ours sees another instruction."""


Work = Callable[["Process"], None]
"""What a process does."""


class Process:
    """The connections of one process, whose statements are counted.

    ``statements`` is after how many more of them it comes to a halt; ``None``: it does not.
    """

    def __init__(self, settings: DatabaseSettings, terminate: Callable[[int], object]) -> None:
        self.database: Database = _Watched(settings, self._before_statement)
        self.turns: Database = _Watched(settings, self._before_statement)
        self.statements: int | None = None
        self.halt: Callable[[], None] = self.crash
        self._terminate = terminate

    def does(self, work: Work) -> bool:
        """Do it; returns whether that came to an end, and be it a refusal."""
        try:
            work(self)
        except DataError:
            return True
        except (CrashedError, SolofaceError):
            return False
        return True

    def crash(self) -> None:
        """Break off in the middle of it.

        Raises:
            CrashedError: always.
        """
        self.close()
        raise CrashedError

    def close(self) -> None:
        """Let go of everything at once; the server has noticed when this returns."""
        pids = [one.end() for one in (self.database, self.turns) if isinstance(one, _Watched)]
        for pid in filter(None, pids):
            self._terminate(pid)

    def _before_statement(self, settle: Callable[[], None]) -> None:
        if self.statements is None:
            return
        if self.statements:
            self.statements -= 1
        else:
            # What was only sent is done: the halt lies between two of the server's steps.
            settle()
            self.halt()


class _Watched(Database):
    """One connection, whichever thread it is used from."""

    def __init__(
        self, settings: DatabaseSettings, before: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__(settings)
        self._own_settings = settings
        self._before = before
        self._one: Connection | None = None

    def end(self) -> int | None:
        """Cut the connection; returns which of the server's processes it was."""
        if self._one is None or self._one.closed:
            return None
        pid = self._one.info.backend_pid
        self._one.pgconn.finish()
        self._one = None
        return pid

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._one is not None:
            self._one.close()
            self._one = None

    def _connected(self) -> Connection:
        if self._one is None or self._one.closed:
            one = connect(self._own_settings, lock_timeout_s=LOCK_TIMEOUT_S)
            register_vector(one)
            execute = one.execute

            def settle() -> None:
                if one.info.transaction_status or one.info.pipeline_status:
                    execute("select 1").fetchone()

            def watched(*arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401 - the driver's
                self._before(settle)
                return execute(*arguments, **keywords)

            cast("Any", one).execute = watched
            self._one = one
        return self._one


class Worker:
    """Work in a process that halts after some statements, until it is told to go on."""

    def __init__(self, process: Process, work: Work) -> None:
        self.process = process
        self.work = work
        self.done = False
        self.failed = False
        self._orders = queue.SimpleQueue[int | CrashedError | None]()
        self._news = queue.SimpleQueue[bool | BaseException]()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on(self, statements: int | None) -> None:
        """Let it execute so many more statements, or all; ``done`` says whether that was all."""
        self._order(statements)

    def crash(self) -> None:
        """End it where it stands."""
        self._order(CrashedError())

    def _order(self, order: int | CrashedError | None) -> None:
        self._orders.put(order)
        news = self._news.get(timeout=_PATIENCE_S)
        if isinstance(news, BaseException):
            raise news
        self.done = news
        if self.done:
            self._thread.join()

    def _run(self) -> None:
        try:
            self.process.statements = None
            self.process.halt = self._halt
            self._obey()
            self.failed = not self.process.does(self.work)
        except CrashedError:  # before it began
            self.failed = True
        except BaseException as error:  # noqa: BLE001 - told in the thread that asked
            self._news.put(error)
            return
        self._news.put(True)  # noqa: FBT003 - a queue takes its items so

    def _halt(self) -> None:
        self._news.put(False)  # noqa: FBT003
        self._obey()

    def _obey(self) -> None:
        order = self._orders.get()
        if isinstance(order, CrashedError):
            self.process.crash()
        else:
            self.process.statements = order
