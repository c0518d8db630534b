"""How a process that runs a dataflow starts: checked first, so that what is wrong is one line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Protocol

from bytewax.dataflow import Dataflow

from connectors.telemetry.observing import describe_health
from connectors.telemetry.probes import serve_probes
from dataflow.jobs.errors import SolofaceError
from dataflow.process.cores import share_python
from dataflow.process.health import Health
from dataflow.process.logs import configure_logs
from dataflow.process.shutdown import stop_on_signals
from dataflow.settings import Settings, load_settings


class Startable(Protocol):
    """The resources of a process, and the dataflow over them."""

    def flow(self) -> Dataflow:
        """Wire it; it connects when it is run."""

    def check(self) -> None:
        """Try everything that must work before the first job.

        Raises:
            ConfigurationError, SystemicError: it does not.
        """

    def start(self) -> None:
        """What goes on beside the flow."""


def started(made: Callable[[Settings, threading.Event, Health], Startable]) -> Dataflow:
    """Build a dataflow from the environment.

    Under ``bytewax.run`` everything is checked here first; otherwise, when the flow is drawn or
    tested, nothing is contacted before it runs.

    Raises:
        SystemExit: it cannot start; the message says why and what to do.
    """
    try:
        settings = load_settings()
        configure_logs(settings.log)
        stop, health = threading.Event(), Health()
        work = made(settings, stop, health)
        if _about_to_run():
            share_python()
            stop_on_signals(stop, settings.worker.drain_timeout_s, health)
            health.suffer("starting", "loading the models and looking at each dependency")
            if settings.metrics_port:
                describe_health(health)
                serve_probes(settings.metrics_port, health, settings.worker.live_s)
            work.check()
            health.recover("starting")
            work.start()
        return work.flow()
    except SolofaceError as error:
        raise SystemExit(f"soloface cannot start: {error}") from None


def _about_to_run() -> bool:
    """Whether this process is ``python -m bytewax.run`` and not a drawing or a test."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return getattr(spec, "name", None) == "bytewax.run"
