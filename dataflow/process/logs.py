"""Logging: constant event names with fields; JSON lines for machines, colours for a terminal."""

from __future__ import annotations

import logging
import sys

import structlog

from dataflow.process.console import ConsoleLines, columns_of
from dataflow.settings import LogSettings


def configure_logs(settings: LogSettings) -> None:
    """Send structlog and the libraries' own loggers to standard error, in one format."""
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        shared.append(structlog.processors.format_exc_info)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else ConsoleLines(columns_of(sys.stderr), colours=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    # Their warnings repeat what our own lines say, with less context; asyncio has one for every TLS
    # connection that closes.
    for library in ("nats", "urllib3", "psycopg", "asyncio"):
        logging.getLogger(library).setLevel("ERROR")
