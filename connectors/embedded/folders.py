"""Private folders: made, locked, and checked for whether another account can get into them."""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import time
from importlib import metadata
from pathlib import Path

from dataflow.jobs.errors import ConfigurationError, SystemicError

_POLL_S = 0.02


def make_private(folder: Path, account: pwd.struct_passwd | None = None) -> Path:
    """Make a folder that only we, or only the account, can open; its parents stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def write_private(path: Path, text: str, account: pwd.struct_passwd | None = None) -> Path:
    """Replace a file in one step; at no moment can anybody else read it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if account is not None:
                os.fchown(file.fileno(), account.pw_uid, account.pw_gid)
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def lock(folder: Path, wait_s: float) -> int:
    """Claim a folder, and return the descriptor that holds the claim.

    Children that inherit the descriptor hold the claim too. So a process that gets the claim knows
    that the former owner is gone, and also every process of its server.

    Raises:
        SystemicError: it is still in use after `wait_s` seconds.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise SystemicError(f"Another server is using {folder}.") from None
            time.sleep(_POLL_S)
        else:
            return descriptor


def barrier(path: Path, account: pwd.struct_passwd) -> Path | None:
    """The outermost of a path's folders, or the path itself, that keeps the account out."""
    real = path.resolve()
    for step in [*reversed(real.parents), real]:
        state = step.stat()
        if state.st_uid == account.pw_uid:
            needed = 0o100
        elif state.st_gid == account.pw_gid:
            needed = 0o010
        else:
            needed = 0o001
        if not state.st_mode & needed:
            return step
    return None


def wheel_file(distribution: str, ending: str) -> Path:
    """Find a program that a wheel brought.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if f"/{file.as_posix()}".endswith(f"/{ending}"):
            found = Path(str(file.locate())).resolve()
            if found.is_file():
                return found
    raise ConfigurationError(
        f"{ending.rpartition('/')[2]} of {distribution} is missing: install soloface[servers]."
    )
