"""Become a server that does not outlive the process that asked for it.

Run as a script between the two: it gives up root if told to, arranges for the server's end, and
then *becomes* the server, so that the process id stays the same. A script of its own because
``preexec_fn`` runs Python between fork and exec, which may deadlock in a process with threads.

Arguments: how (``kernel`` or ``watch``), process id of the owner, signal to end with, user id and
group id (-1 to keep them), and the command. Standard library only: it runs with ``-I -S``.
"""

import ctypes
import os
import sys
import time

_PR_SET_PDEATHSIG = 1
_WATCH_INTERVAL_S = 0.5


def _give_up_root(uid: int, gid: int) -> None:
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _let_the_kernel_watch(owner: int, end_signal: int) -> None:
    """Ask Linux for a signal at the owner's death; a change of user would have cleared it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, end_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != owner:  # it died before the kernel was asked
        sys.exit(1)


def _watch(owner: int, end_signal: int) -> None:
    """Leave a small child behind that polls: for systems whose kernel offers nothing."""
    server = os.getpid()
    if os.fork() != 0:
        return
    while os.getppid() == server:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            os.kill(server, end_signal)
            break
        except PermissionError:
            pass  # alive, and somebody else's
        time.sleep(_WATCH_INTERVAL_S)
    os._exit(0)


def _main(arguments: list[str]) -> None:
    how, *numbers = arguments[:5]
    owner, end_signal, uid, gid = (int(number) for number in numbers)
    command = arguments[5:]
    _give_up_root(uid, gid)
    (_let_the_kernel_watch if how == "kernel" else _watch)(owner, end_signal)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    _main(sys.argv[1:])
