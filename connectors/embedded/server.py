"""A server that is a child process: its folder, its log, its start, and its end."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from abc import abstractmethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Self

from connectors.embedded.folders import lock, make_private
from connectors.embedded.process import Surroundings, spawn
from connectors.embedded.startable import Startable
from dataflow.jobs.errors import ConfigurationError, SystemicError

_POLL_S = 0.01
_ORPHANS_GONE_S = 5.0
_STOP_TIMEOUT_S = 10.0
_LOG_TAIL_CHARACTERS = 2000


class Server(Startable):
    """A server on 127.0.0.1 that ends with this process, even if that is killed.

    A context manager; or `start`, `stop` and, at last, `close`. Once started it keeps its port and
    its data from start to start. Any thread may start it.

    Args:
        directory: private folder for data, configuration and log, kept. Without one, a temporary
            folder that `close` removes.
        port: port to listen on; 0 takes a free one at the first start.
        start_timeout_s: how long a start may take before it is given up.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self, directory: Path | None = None, *, port: int = 0, start_timeout_s: float = 60
    ) -> None:
        self.port = port
        self._given = None if directory is None else Path(directory).absolute()
        self._temporary: TemporaryDirectory[str] | None = None
        self._timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = -1
        self._log_start = 0

    @abstractmethod
    def _prepare(self, around: Surroundings) -> None:
        """Make what the server needs before its start: configuration, first data."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The program, as an absolute path, and its arguments: none of them secret."""

    @abstractmethod
    def _probe(self) -> bool:
        """Ask once whether the server serves, with its password, and learn its port."""

    def _variables(self) -> dict[str, str]:
        """Further environment variables of the server."""
        return {}

    def _account(self) -> pwd.struct_passwd | None:
        """The account that runs the server, where that is not ours."""
        return None

    def _start_again(self) -> bool:
        """Whether a server that ended while starting deserves another try."""
        return False

    @property
    def directory(self) -> Path:
        """The server's private folder."""
        if self._given is not None:
            return self._given
        if self._temporary is None:
            self._temporary = TemporaryDirectory(prefix="soloface-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    @property
    def process_id(self) -> int | None:
        """Process id, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> Self:
        """Start, and return when the server serves.

        Raises:
            ConfigurationError: it cannot run here as asked: no wheel, no way into the folder.
            SystemicError: it ended, or was not ready in time; the message has its log's end.
        """
        if self.process_id is not None:
            return self
        self.stop()  # what is left of one that ended by itself
        try:
            account = self._account()
            folder = make_private(self.directory, account)
            self._lock = lock(folder, _ORPHANS_GONE_S)
            around = Surroundings(folder, folder / "server.log", self._lock, account)
            self._log_start = around.log.stat().st_size if around.log.exists() else 0
            self._prepare(around)
            deadline = time.monotonic() + self._timeout_s
            while not self._try_to_start(around, deadline):
                pass
        except OSError as error:
            self.close()
            raise ConfigurationError(
                f"{self.name} cannot use {self._given}: {error.strerror or error}."
            ) from error
        except BaseException:
            self.close()
            raise
        return self

    def stop(self) -> None:
        """End in good order; the data stay for the next start."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End as a crash would (SIGKILL); the data stay for the next start."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """Stop and start again: same port, same password, same data."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """Stop, and remove the folder if it is a temporary one."""
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _try_to_start(self, around: Surroundings, deadline: float) -> bool:
        self._process = spawn(self._command(), around, self._variables(), self.stop_signal)
        while not self._probe():
            status = self._process.poll()
            if status is not None:
                if self._start_again() and time.monotonic() < deadline:
                    self._log_start = around.log.stat().st_size
                    return False
                raise self._failure(f"ended with status {status}")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready after {self._timeout_s:g} s")
            time.sleep(_POLL_S)
        return True

    def _log_since_start(self) -> str:
        with (self.directory / "server.log").open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def _failure(self, what: str) -> SystemicError:
        tail = self._log_since_start()[-_LOG_TAIL_CHARACTERS:].strip()
        return SystemicError(f"{self.name} {what}. Its log ends:\n{tail or '(nothing)'}")

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
            # A killed PostgreSQL leaves children that need a moment to notice.
            os.close(lock(self.directory, _STOP_TIMEOUT_S))
