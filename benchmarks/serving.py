"""`soloface serve` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.stage import child_environment
from dataflow.jobs.errors import SystemicError
from dataflow.settings import PREFIX

_REPOSITORY = Path(__file__).parents[1]
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class WebProcess:
    """One that serves: its process id, its host and its port."""

    pid: int
    host: str
    port: int

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving(variables: Mapping[str, str]) -> Iterator[WebProcess]:
    """Run one until the end of the context; nobody is held to a rate.

    Raises:
        SystemicError: it did not start.
    """
    own = {f"{PREFIX}WEB__PORT": "0", f"{PREFIX}WEB__REQUESTS_PER_MINUTE": "10000000"}
    with subprocess.Popen(
        [sys.executable, "-m", "soloface", "serve"],
        cwd=_REPOSITORY,
        env=child_environment({**variables, **own}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stderr  # noqa: S101 - a pipe, as asked for
            said = []
            for line in process.stderr:
                said.append(line)
                if b'"web_listening"' in line:
                    break
            else:
                words = b"".join(said[-20:]).decode("utf-8", "replace")
                raise SystemicError(f"soloface serve does not start; it said:\n{words}")
            host, _, port = orjson.loads(line)["url"].rpartition("/")[0].rpartition(":")
            # It would stand still if nobody read what it says of each request.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield WebProcess(process.pid, host.rpartition("/")[2], int(port))
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)
