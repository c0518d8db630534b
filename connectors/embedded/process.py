"""A child process that ends with this one, however this one ends."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from connectors.embedded import _guard

_INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
_HOW_TO_END = "kernel" if sys.platform == "linux" else "watch"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where and as whom a server's programs run."""

    folder: Path
    log: Path
    held_descriptor: int
    account: pwd.struct_passwd | None

    def variables(self, extra: Mapping[str, str]) -> dict[str, str]:
        """A small environment: what configures our own tools must not configure the servers."""
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return kept | {"LC_ALL": "C", "TZ": "UTC", "HOME": str(self.folder)} | dict(extra)


def ending_with_us(
    command: Sequence[str], end_signal: signal.Signals, account: pwd.struct_passwd | None = None
) -> list[str]:
    """A command that becomes `command`, and gets `end_signal` when this process is gone.

    Start it from a thread that lives as long as this process, see `_spawner`.

    Args:
        command: absolute path of the program, and its arguments.
        end_signal: what makes it end in good order.
        account: as whom it runs; by default as this process.
    """
    user = (account.pw_uid, account.pw_gid) if account else (-1, -1)
    numbers = map(str, (os.getpid(), int(end_signal), *user))
    return [sys.executable, "-I", "-S", _guard.__file__, _HOW_TO_END, *numbers, *command]


def spawn(
    command: list[str], around: Surroundings, extra: Mapping[str, str], end_signal: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start a server that gets `end_signal` when this process is gone.

    Args:
        command: absolute path of the program, and its arguments.
        around: where it runs.
        extra: environment variables beside the usual few; the place for secrets.
        end_signal: what makes the server end in good order.
    """
    with around.log.open("ab") as log:
        return (
            _spawner(os.getpid())
            .submit(
                subprocess.Popen,
                ending_with_us(command, end_signal, around.account),
                env=around.variables(extra),
                cwd=around.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop the servers in order
                pass_fds=(around.held_descriptor,),
            )
            .result()
        )


def run(command: list[str], around: Surroundings) -> int:
    """Run a program to its end, with its output in the log, and return its status."""
    account = around.account
    with around.log.open("ab") as log:
        return subprocess.run(
            command,
            check=False,
            env=around.variables({}),
            cwd=around.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            pass_fds=(around.held_descriptor,),
        ).returncode


@cache
def _spawner(_process_id: int) -> ThreadPoolExecutor:
    """One thread that lives as long as this process and forks every server.

    The kernel counts the *thread* that forked as the parent whose death ends the child, so a server
    started from a short-lived thread would end with that thread. Per process id, since a thread
    does not survive a fork.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="soloface-servers")
