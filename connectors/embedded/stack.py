"""All three servers at once, and the environment that leads soloface to them."""

from __future__ import annotations

import json
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from connectors.embedded.folders import write_private
from connectors.embedded.nats_server import NatsServer
from connectors.embedded.object_server import ObjectServer
from connectors.embedded.postgres_server import PostgresServer
from connectors.embedded.server import Server
from connectors.embedded.startable import Startable
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import PREFIX

_KINDS = ("nats", "postgres", "objects")


class Servers(Startable):
    """NATS, PostgreSQL and the S3 server; a context manager, or `start` and `close`.

    Args:
        directory: folder that keeps data, passwords and, while they are free, ports. Without one
            everything is temporary.

    Raises:
        ConfigurationError: the folder's memory cannot be read.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = None if directory is None else Path(directory).absolute()
        secret, port = self._recall()
        self.nats = NatsServer(self._folder("nats"), password=secret["nats"], port=port["nats"])
        self.postgres = PostgresServer(
            self._folder("postgres"), password=secret["postgres"], port=port["postgres"]
        )
        self.objects = ObjectServer(
            self._folder("objects"), secret_key=secret["objects"], port=port["objects"]
        )

    @property
    def all(self) -> tuple[Server, ...]:
        """The three, in the order of `nats`, `postgres`, `objects`."""
        return (self.nats, self.postgres, self.objects)

    def start(self) -> Self:
        """Start all three at a time, and return when each serves.

        Raises:
            ConfigurationError: one cannot run here as asked.
            SystemicError: one did not start; the others are stopped again.
        """
        try:
            if self._memory is not None and not self._memory.exists():
                self._remember()  # before PostgreSQL is made with a password nobody wrote down
            with ThreadPoolExecutor(max_workers=len(self.all)) as threads:
                for started in [threads.submit(server.start) for server in self.all]:
                    started.result()
            self._remember()
        except BaseException:
            self.close()
            raise
        return self

    def stop(self) -> None:
        """Stop all three in good order; the data stay."""
        with ExitStack() as stack:
            for server in self.all:
                stack.callback(server.stop)

    def close(self) -> None:
        """Stop all three, and remove what is temporary."""
        with ExitStack() as stack:
            for server in self.all:
                stack.callback(server.close)

    def environment(self) -> dict[str, str]:
        """The variables that lead soloface to these servers; passwords included."""
        return {
            f"{PREFIX}NATS__URL": self.nats.url,
            f"{PREFIX}NATS__USER": self.nats.user,
            f"{PREFIX}NATS__PASSWORD": self.nats.password,
            f"{PREFIX}DATABASE__DSN": self.postgres.dsn,
            f"{PREFIX}STORE__ENDPOINT": self.objects.endpoint,
            f"{PREFIX}STORE__SECURE": "false",
            f"{PREFIX}STORE__ACCESS_KEY": self.objects.access_key,
            f"{PREFIX}STORE__SECRET_KEY": self.objects.secret_key,
        }

    def _folder(self, name: str) -> Path | None:
        return None if self._directory is None else self._directory / name

    @property
    def _memory(self) -> Path | None:
        return self._folder("servers.json")

    def _recall(self) -> tuple[dict[str, str], dict[str, int]]:
        secret = {kind: secrets.token_urlsafe(24) for kind in _KINDS}
        port = dict.fromkeys(_KINDS, 0)
        if self._memory is not None:
            try:
                known = json.loads(self._memory.read_text(encoding="utf-8"))
                secret |= known["passwords"]
                port |= {kind: _if_free(number) for kind, number in known["ports"].items()}
            except FileNotFoundError:
                pass
            except (OSError, ValueError, LookupError) as error:
                raise ConfigurationError(f"{self._memory} cannot be read: {error}.") from None
        return secret, port

    def _remember(self) -> None:
        if self._memory is None:
            return
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        known = {
            "passwords": {
                "nats": self.nats.password,
                "postgres": self.postgres.password,
                "objects": self.objects.secret_key,
            },
            "ports": {kind: server.port for kind, server in zip(_KINDS, self.all, strict=True)},
        }
        write_private(self._memory, json.dumps(known, indent=2) + "\n")


def _if_free(port: int) -> int:
    """The port, or 0 if something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return port
