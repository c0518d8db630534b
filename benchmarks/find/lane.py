"""Guests who ask whom their photos show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import cycle, islice
from queue import SimpleQueue

from benchmarks.measure import Sample, process_cpu_s
from benchmarks.serving import WebProcess
from benchmarks.stage import Site
from dataflow.jobs.errors import SystemicError

_OK = 200
_PATIENCE_S = 60
_IMAGE = {"Content-Type": "image/jpeg"}


class FindLane:
    """So many clients at a time, each of which waits for its answer."""

    def __init__(
        self, site: Site, process: WebProcess, photos: Sequence[bytes], clients: int
    ) -> None:
        self._site = site
        self._process = process
        self._photos = photos
        self._clients = clients
        self.seconds: list[float] = []
        """How long each answer of the last round took."""

    def round(self, photos: int) -> Sample:
        """Ask about so many photos."""
        waiting: SimpleQueue[bytes | None] = SimpleQueue()
        for photo in islice(cycle(self._photos), photos):
            waiting.put(photo)
        for _ in range(self._clients):
            waiting.put(None)
        servers, cpu = self._site.servers_cpu_s(), process_cpu_s(self._process.pid)
        began = time.perf_counter()
        with ThreadPoolExecutor(self._clients) as pool:
            asked = [pool.submit(self._ask, waiting) for _ in range(self._clients)]
            self.seconds = [seconds for client in asked for seconds in client.result()]
        wall = time.perf_counter() - began
        cpu = process_cpu_s(self._process.pid) - cpu
        return Sample(photos, wall, cpu, self._site.servers_cpu_s() - servers)

    def _ask(self, waiting: SimpleQueue[bytes | None]) -> list[float]:
        """Be one client, on one connection."""
        took = []
        process = self._process
        with closing(HTTPConnection(process.host, process.port, timeout=_PATIENCE_S)) as connection:
            while (photo := waiting.get()) is not None:
                began = time.perf_counter()
                connection.request("POST", "/v1/find", photo, _IMAGE)
                answer = connection.getresponse()
                said = answer.read()
                took.append(time.perf_counter() - began)
                if answer.status != _OK:
                    raise SystemicError(f"find answers {answer.status}: {said[:200]!r}")
        return took
