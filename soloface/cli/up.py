"""`soloface up`: the servers soloface needs, for development, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataflow.jobs.errors import ConfigurationError, SystemicError
from soloface.cli.frame.output import JsonOption, console_on, print_json
from soloface.cli.frame.settings import load_settings
from soloface.cli.frame.signals import termination_as_interrupt
from soloface.cli.frame.variables import script, write_script

if TYPE_CHECKING:
    from rich.console import Console

    from connectors.embedded import Servers
    from dataflow.settings import NatsSettings, Settings

_CHECK_INTERVAL_S = 0.5
_LIMIT_EXPLAINED = (
    "# SOLOFACE_MATCH__MAX_DISTANCE is the pack's threshold. Without a limit the nearest user is\n"
    "# recorded whatever the distance, so that strangers are tagged too.\n"
)


def up(
    directory: Annotated[
        Path, typer.Option(help="Folder that keeps data, passwords and ports.")
    ] = Path("soloface-data"),
    env_file: Annotated[
        Path | None, typer.Option(help="Also write the variables there, for other terminals.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Start NATS, PostgreSQL and an S3 store, and print the environment to export.

    They stay until Ctrl-C or SIGTERM; their data stay for the next time.
    """
    console = console_on(sys.stderr)  # standard output holds nothing but what a program reads
    try:
        with termination_as_interrupt():
            _serve(directory, env_file, console, as_json=as_json)
    except KeyboardInterrupt:
        console.print("Stopped. The data are still there.")


def _serve(directory: Path, env_file: Path | None, console: Console, *, as_json: bool) -> None:
    """Run the servers until interrupted.

    Raises:
        ConfigurationError: a variable is wrong, or a server cannot run as asked.
        SystemicError: a server did not start, or ended by itself.
    """
    from connectors.embedded import Servers
    from dataflow.settings import OPEN_PACK, PREFIX

    # The pack that anybody may use and that comes with the servers' own extra.
    os.environ.setdefault(f"{PREFIX}MODEL__PACK", OPEN_PACK)
    settings = load_settings()
    _make_folder(directory)
    servers = Servers(directory)
    try:
        with console.status("Starting NATS, PostgreSQL and an S3 store"):
            servers.start()
        _furnish(servers, settings, console)
        variables = servers.environment() | _choices(settings)
        if env_file is not None:
            write_script(variables, env_file, _LIMIT_EXPLAINED)
        _announce(variables, env_file, console, as_json=as_json)
        while all(server.process_id for server in servers.all):
            time.sleep(_CHECK_INTERVAL_S)
        ended = [server.name for server in servers.all if not server.process_id]
        raise SystemicError(f"{' and '.join(ended)} ended unexpectedly.")
    finally:
        servers.close()


def _make_folder(directory: Path) -> None:
    try:
        if not directory.exists():
            directory.mkdir(parents=True)
            (directory / ".gitignore").write_text("*\n")  # it holds passwords and photos
    except OSError as error:
        raise ConfigurationError(
            f"the folder {directory} cannot be made: {error.strerror}; name another (--directory)"
        ) from None


def _furnish(servers: Servers, settings: Settings, console: Console) -> None:
    """Make bucket, streams and tables, in these servers whatever the environment says."""
    from pydantic import SecretStr

    from connectors.embedded.buckets import create_bucket
    from connectors.jetstream.provision import make_missing
    from connectors.postgres.setup.migrate import migrate

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
    """The settings, but with this server and its login."""
    from pydantic import SecretStr

    elsewhere = ("token", "nkey_seed", "credentials", "tls_ca", "tls_cert", "tls_key")
    server = servers.nats
    login = {"url": server.url, "user": server.user, "password": SecretStr(server.password)}
    return settings.model_copy(update=dict.fromkeys(elsewhere) | login)


def _choices(settings: Settings) -> dict[str, str]:
    """The pack, and which distance, or share of strangers, is the limit."""
    from dataflow.faces.packs.catalog import published_threshold
    from dataflow.settings import PREFIX

    limits = {"MAX_DISTANCE": settings.match.max_distance, "MAX_FPIR": settings.match.max_fpir}
    if all(limit is None for limit in limits.values()):
        limits["MAX_DISTANCE"] = round(published_threshold(settings.model.pack), 4)
    chosen = {
        f"{PREFIX}MATCH__{name}": str(limit) for name, limit in limits.items() if limit is not None
    }
    return {f"{PREFIX}MODEL__PACK": settings.model.pack, **chosen}


def _announce(
    variables: Mapping[str, str], env_file: Path | None, console: Console, *, as_json: bool
) -> None:
    """Print the environment, passwords included, where a program can read it."""
    if as_json:
        print_json(variables)
    else:
        sys.stdout.write(script(variables, _LIMIT_EXPLAINED))
    sys.stdout.flush()
    if env_file is not None:
        console.print(f"In another terminal: source {shlex.quote(str(env_file))}", markup=False)
    console.print("Running; Ctrl-C stops.")
