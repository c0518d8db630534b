"""The `soloface` command: one module per subcommand."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

__all__ = ["main"]

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


def main() -> None:
    """Run the command line.

    Exit code 0: done. 1: not done, or only in part. 2: the command was used wrongly. 130: Ctrl-C.
    What is expected to go wrong is one line on standard error; a bug is a traceback.
    """
    try:
        # Here, so that an interruption while it loads is no traceback either.
        from soloface.cli.frame.app import app

        code = app(standalone_mode=False) or 0
        if sys.stdout:
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        from soloface.cli.frame.failures import explained

        failure = explained(error)
        if failure is None:
            raise
        code = failure.code
        if isinstance(error, OSError):
            _give_up_output()
        sys.stderr.write(str(failure))
    sys.exit(code)


def _give_up_output() -> None:
    """What a full disk or a closed pipe did not take would fail once more at the very end."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
