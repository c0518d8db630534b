"""The review page on the demo's servers, with something to decide, until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from connectors.postgres.review.queues import Filters, Queue, next_photos
from dataflow.faces.face import FacePack
from dataflow.process.logs import configure_logs
from dataflow.settings import PREFIX, Settings
from soloface.cli.demo.doubtful import doubtful_photos, unknown_photos
from soloface.cli.demo.platform import Platform, platform
from soloface.cli.demo.scenario import Case
from soloface.cli.demo.second_act import Step
from soloface.cli.frame.output import console, counted
from soloface.cli.frame.variables import write_script
from soloface.web.app import build
from soloface.web.server import Server, listen, server_of, url_of
from soloface.web.work.desk import Desk

ENV_FILE = "soloface.env"
"""In the demo's folder: what leads other terminals to its servers."""

_ABOUT = "# The servers of `soloface demo --serve`. They are gone when it ends.\n"
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """The page: where it is, and how many doubtful faces wait there."""

    url: str
    doubtful: int
    step: Step
    env_file: Path
    _server: Server
    _listening: socket.socket
    _worker: Platform

    def announce(self) -> None:
        """Say where it is, and what can be done there."""
        run = "uv run " if "UV" in os.environ else ""  # uv tells those whom it runs
        source = f"source {shlex.quote(str(self.env_file))}"
        faces = counted(self.doubtful, "doubtful face waits", "doubtful faces wait")
        console.print(
            f"\n{faces} for your answer on [bold]{self.url}[/]\n"
            "  Y yes   N no   X nobody   2, 3 one of the others   S skip   U undo\n"
            "In another terminal, here, see how each answer changes the tags:\n"
            f"  [bold]{escape(source)} && {run}soloface watch --tags[/]\n"
            "Ctrl-C ends it."
        )

    def serve(self) -> None:
        """Answer until SIGINT or SIGTERM.

        Raises:
            SystemicError: the worker has ended by itself.
        """
        threading.Thread(target=self._end_with_the_worker, daemon=True).start()
        self._server.run(sockets=[self._listening])
        self._worker.require_running()

    def _end_with_the_worker(self) -> None:
        self._worker.process.wait()
        self._server.should_exit = True


@contextmanager
def opened(settings: Settings, pack: FacePack, folder: Path) -> Iterator[Page]:
    """Have a worker look at doubtful photos, and listen for those who decide.

    Args:
        settings: the servers, and the limits of the worker.
        pack: the models, loaded.
        folder: where the settings for other terminals are while the page is open.

    Raises:
        ConfigurationError: the file cannot be written.
        SystemicError: a server or the worker did not run.
    """
    # Its lines would run between those that are for the reader.
    configure_logs(settings.log.model_copy(update={"level": "error"}))
    doubtful = doubtful_photos(pack)
    with platform(settings, datetime.now(UTC)) as worker, _settings_in(folder) as env_file:
        odd = _not_as_expected(worker, [*unknown_photos(), *doubtful])
        desk = Desk(settings, pack=pack)
        try:
            desk.check()
            count = _waiting(desk)
            title = "faces of which it is hard to say whose they are"
            step = Step(title, f"{len(doubtful)} doubtful", odd or f"{count} doubtful")
            with listen(settings.web) as listening:
                server = server_of(build(desk), settings.web)
                yield Page(url_of(listening), count, step, env_file, server, listening, worker)
        finally:
            desk.close()


def _not_as_expected(worker: Platform, cases: Sequence[Case]) -> str:
    """Have jobs settled; says which of them ended otherwise than they had to."""
    ended = zip(cases, worker.settle(cases), strict=True)
    return "; ".join(
        f"{case.title}: {event['reason'] if event else 'not told'}"
        for case, event in ended
        if event is None or event["reason"] not in case.expected
    )


def _waiting(desk: Desk) -> int:
    policy = desk.rules().policy
    with desk.database.connection() as connection:
        queue = next_photos(connection, Queue.DOUBTFUL, policy, Filters(), count=_MOST)
    desk.database.close()
    return len(queue)


@contextmanager
def _settings_in(folder: Path) -> Iterator[Path]:
    path = folder / ENV_FILE
    ours = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    write_script(ours, path, _ABOUT)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
