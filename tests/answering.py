"""A stand-in for an HTTP server that misbehaves, which no real one does on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], object]) -> Iterator[str]:
    """A server that answers every GET and HEAD so; yields host:port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server wants
            answer(self)

        def do_HEAD(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - http.server's signature
            """Be quiet."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # else a busy machine refuses some of many callers

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
