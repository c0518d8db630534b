"""`soloface up`: the servers soloface needs, for development, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console

from connectors.embedded import Servers
from connectors.embedded.buckets import create_bucket
from connectors.embedded.folders import write_private
from connectors.jetstream.provision import make_missing
from connectors.postgres.migrate import migrate
from dataflow.jobs.errors import SolofaceError, SystemicError
from dataflow.settings import OPEN_PACK, PREFIX, NatsSettings, Settings, load_settings

_CHECK_INTERVAL_S = 0.5


def up(
    directory: Annotated[
        Path, typer.Option(help="Folder that keeps data, passwords and ports.")
    ] = Path("soloface-data"),
    env_file: Annotated[
        Path | None, typer.Option(help="Also write the variables there, for other terminals.")
    ] = None,
) -> None:
    """Start NATS, PostgreSQL and an S3 store, and print the environment to export.

    They stay until Ctrl-C or SIGTERM; their data stay for the next time.
    """
    console = Console(stderr=True)  # standard output holds nothing but lines that a shell can read
    try:
        with _termination_as_interrupt():
            _serve(directory, env_file, console)
    except KeyboardInterrupt:
        console.print("Stopped. The data are still there.")
    except (SolofaceError, OSError) as error:
        console.print("Cannot go on:", style="bold red", end=" ")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _serve(directory: Path, env_file: Path | None, console: Console) -> None:
    """Run the servers until interrupted.

    Raises:
        ConfigurationError: a variable is wrong, or a server cannot run as asked.
        SystemicError: a server did not start, or ended by itself.
    """
    # The pack that anybody may use and that comes with the servers' own extra.
    os.environ.setdefault(f"{PREFIX}MODEL__PACK", OPEN_PACK)
    settings = load_settings()
    _make_folder(directory)
    servers = Servers(directory)
    try:
        with console.status("Starting NATS, PostgreSQL and an S3 store"):
            servers.start()
        _furnish(servers, settings, console)
        variables = servers.environment() | {f"{PREFIX}MODEL__PACK": settings.model.pack}
        _announce(variables, env_file, console)
        while all(server.process_id for server in servers.all):
            time.sleep(_CHECK_INTERVAL_S)
        ended = [server.name for server in servers.all if not server.process_id]
        raise SystemicError(f"{' and '.join(ended)} ended unexpectedly.")
    finally:
        servers.close()


def _make_folder(directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(parents=True)
        (directory / ".gitignore").write_text("*\n")  # it holds passwords and photos


def _furnish(servers: Servers, settings: Settings, console: Console) -> None:
    """Make bucket, streams and tables, in these servers whatever the environment says."""
    address = {"endpoint": servers.objects.endpoint, "secure": False}
    login = {
        "access_key": servers.objects.access_key,
        "secret_key": SecretStr(servers.objects.secret_key),
    }
    if create_bucket(settings.store.model_copy(update=address | login)):
        console.print(f"Made bucket {settings.store.bucket}.")
    for name in asyncio.run(make_missing(_nats(servers, settings.nats))):
        console.print(f"Made {name}.")
    database = settings.database.model_copy(update={"dsn": SecretStr(servers.postgres.dsn)})
    for name in migrate(database, settings.model.embedding_dimension):
        console.print(f"Applied {name}.")


def _nats(servers: Servers, settings: NatsSettings) -> NatsSettings:
    elsewhere = ("token", "nkey_seed", "credentials", "tls_ca", "tls_cert", "tls_key")
    server = servers.nats
    login = {"url": server.url, "user": server.user, "password": SecretStr(server.password)}
    return settings.model_copy(update=dict.fromkeys(elsewhere) | login)


def _announce(variables: Mapping[str, str], env_file: Path | None, console: Console) -> None:
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    sys.stdout.write(lines)
    sys.stdout.flush()
    if env_file is not None:
        write_private(env_file, lines)
        console.print(f"In another terminal: source {shlex.quote(str(env_file))}")
    console.print("Running; Ctrl-C stops.")


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end us the way Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
