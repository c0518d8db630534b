"""`soloface doctor`: is everything there that the worker needs, and if not, what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass

import psycopg
import typer
from nats.js.errors import NotFoundError
from rich.markup import escape

from connectors.jetstream.connection import connect as connect_nats
from connectors.jetstream.provision import consumer_problems
from connectors.objects import explain as explain_store
from connectors.objects import minio_client
from connectors.postgres.connection import Database
from connectors.postgres.connection import connect as connect_postgres
from connectors.postgres.connection import explain as explain_postgres
from connectors.postgres.gallery import Gallery, require_tables
from connectors.postgres.migrate import pending, require_dimension
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.errors import ConfigurationError, SolofaceError
from dataflow.settings import Settings, load_settings
from soloface.cli.gallery import examine as examine_gallery
from soloface.cli.output import JsonOption, console, print_json

_FACES = 400


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination."""

    name: str
    healthy: bool
    detail: str


def doctor(*, as_json: JsonOption = False) -> None:
    """Examine each dependency, the schema, the model and the consumer. Changes nothing.

    Exit code 1 if something would keep the worker from working.
    """
    findings = list(examine(load_settings()))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok [/]" if finding.healthy else "[red]bad[/]"
            console.print(f"{mark} {finding.name:12} {escape(finding.detail)}", soft_wrap=True)
    if not all(finding.healthy for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check; one that fails does not keep the others from running."""
    checks: dict[str, Callable[[Settings], str]] = {
        "nats": _nats,
        "postgres": _postgres,
        "schema": _schema,
        "object store": _store,
        "model": _model,
        "gallery": _gallery,
    }
    for name, check in checks.items():
        try:
            yield Finding(name, healthy=True, detail=check(settings))
        except SolofaceError as error:
            yield Finding(name, healthy=False, detail=str(error))


def _nats(settings: Settings) -> str:
    return asyncio.run(_consumer(settings))


async def _consumer(settings: Settings) -> str:
    nats = settings.nats
    connection = await connect_nats(nats, "soloface doctor")
    try:
        try:
            js = connection.jetstream()
            stream = await js.stream_info(nats.stream)
            info = await js.consumer_info(nats.stream, nats.durable)
        except NotFoundError:
            if nats.provision:
                return f"connected; {nats.durable} on {nats.stream} will be made at the first start"
            raise ConfigurationError(
                f"there is no consumer {nats.durable} on {nats.stream}; create it or set "
                "SOLOFACE_NATS__PROVISION=true"
            ) from None
    finally:
        await connection.close()
    if problems := consumer_problems(info.config, stream.config.subjects or [], nats):
        raise ConfigurationError(f"the consumer {nats.durable}: " + "; ".join(problems))
    return f"{nats.durable}: {info.num_pending} jobs waiting, {info.num_ack_pending} in work"


def _postgres(settings: Settings) -> str:
    try:
        with closing(connect_postgres(settings.database)) as connection:
            row = connection.execute(
                "select current_setting('server_version'), "
                "(select extversion from pg_extension where extname = 'vector')"
            ).fetchone()
    except psycopg.Error as error:
        raise explain_postgres(error) from error
    version, pgvector = row or ("?", None)
    if not pgvector:
        raise ConfigurationError("the extension vector is not there; run: soloface migrate")
    return f"PostgreSQL {version}, pgvector {pgvector}"


def _schema(settings: Settings) -> str:
    try:
        with closing(connect_postgres(settings.database)) as connection:
            require_tables(connection)
            require_dimension(connection, settings.model.embedding_dimension)
            missing = pending(connection)
    except psycopg.Error as error:
        raise explain_postgres(error) from error
    if missing:
        raise ConfigurationError(f"not applied: {', '.join(missing)}; run: soloface migrate")
    return f"up to date, vectors of {settings.model.embedding_dimension}"


def _store(settings: Settings) -> str:
    store = settings.store
    client = minio_client(store, connections=1)
    try:
        missing = [b for b in sorted({store.bucket, *store.buckets}) if not client.bucket_exists(b)]
    except Exception as error:
        raise explain_store(error) from error
    if missing:
        raise ConfigurationError(f"no such bucket: {', '.join(missing)}")
    return f"{store.endpoint}, bucket {store.bucket}"


def _model(settings: Settings) -> str:
    pack = load_pack(settings.model)
    return f"{pack.contract.id}, threshold at distance {pack.threshold:.2f}"


def _gallery(settings: Settings) -> str:
    contract = load_pack(settings.model).contract
    with closing(Database(settings.database)) as database:
        gallery = Gallery(database)
        gallery.require_comparable(contract)
        count = gallery.sizes().get(contract.id, 0)
        if not count:
            return "nobody enrolled yet: soloface enroll"
        with database.connection() as connection:
            found = examine_gallery(connection, _FACES)
    if found.measured.falls_short:
        raise ConfigurationError(found.advice)
    remark = f"; {found.advice}" if found.advice else ""
    return f"{count} users enrolled, {found.plan.name} search{remark}"
