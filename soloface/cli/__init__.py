"""The `soloface` command: one module per subcommand."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line. An expected error is one line on standard error and exit code 1."""
    from dataflow.jobs.errors import SolofaceError  # noqa: PLC0415
    from dataflow.process.logs import configure_logs  # noqa: PLC0415
    from dataflow.settings import LogSettings  # noqa: PLC0415
    from soloface.cli.app import app  # noqa: PLC0415 - `import dataflow` stays light

    # On standard error: a command's output is for whoever reads it, or a pipe.
    configure_logs(LogSettings(level="warning"))
    try:
        app()
    except SolofaceError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
