"""Metrics and the two questions of an orchestrator, over HTTP on a port of our own.

``/metrics`` is Prometheus' text. ``/livez`` answers 503 when the process should be started again,
``/readyz`` when it cannot work at the moment, with a line of JSON for each cause.
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from prometheus_client import MetricsHandler

from dataflow.jobs.errors import ConfigurationError
from dataflow.process.health import Cause, Health

log = structlog.get_logger()


class Probes(ThreadingHTTPServer):
    """Answers until :meth:`shutdown`, on every interface; nothing that it says is secret."""

    daemon_threads = True

    def __init__(self, port: int, health: Health, live_s: float) -> None:
        super().__init__(("", port), partial(_Handler, health, live_s))
        threading.Thread(target=self.serve_forever, name="probes", daemon=True).start()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """The caller has hung up, or never finished asking."""
        del request, client_address
        log.debug("probe_failed", error=repr(sys.exception()))


def serve_probes(port: int, health: Health, live_s: float) -> Probes:
    """Serve metrics and probes; a loop that stood still for ``live_s`` seconds is not alive.

    Raises:
        ConfigurationError: the port is taken.
    """
    try:
        return Probes(port, health, live_s)
    except OSError as error:
        raise ConfigurationError(
            f"metrics port {port} (SOLOFACE_METRICS_PORT): {error.strerror}"
        ) from None


class _Handler(MetricsHandler):
    timeout = 5  # seconds for somebody to finish asking

    def __init__(self, health: Health, live_s: float, *request: Any) -> None:  # noqa: ANN401
        self._health = health
        self._live_s = live_s
        super().__init__(*request)

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        match urlsplit(self.path).path:
            case "/livez":
                self._answer(self._standing_still())
            case "/readyz":
                self._answer(self._health.causes())
            case "/" | "/metrics":
                super().do_GET()
            case _:
                self.send_error(404)

    def _standing_still(self) -> list[Cause]:
        still_for_s = self._health.still_for_s()
        if still_for_s <= self._live_s:
            return []
        return [Cause("standstill", "the worker does not come round", round(still_for_s, 1))]

    def _answer(self, causes: list[Cause]) -> None:
        lines = b"".join(orjson.dumps(cause, option=orjson.OPT_APPEND_NEWLINE) for cause in causes)
        self.send_response(503 if causes else 200)
        self.send_header("Content-Type", "application/jsonl" if causes else "text/plain")
        self.end_headers()
        self.wfile.write(lines or b"ok\n")
