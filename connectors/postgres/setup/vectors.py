"""pgvector: whether it is there, can be found, and is new enough."""

from __future__ import annotations

from typing import LiteralString

from connectors.postgres.session import Connection
from dataflow.jobs.errors import ConfigurationError

OLDEST = (0, 7)
"""Of pgvector, the first with vectors in half precision, which the search's index holds."""

_INSTALLED = """
select
    extversion,
    extnamespace::regnamespace::text,
    has_schema_privilege(extnamespace, 'usage'),
    coalesce(pg_type_is_visible(t.oid), false)
from pg_extension as e
left join pg_type as t on t.typnamespace = e.extnamespace and t.typname = 'vector'
where extname = 'vector'
"""
# Not by pg_roles: a transaction that has read it goes on to overlook roles that others make
# meanwhile, and then grants them nothing.
_AVAILABLE = """
select
    v.version,
    not v.superuser
        or current_setting('is_superuser')::boolean
        or (v.trusted and has_database_privilege(current_database(), 'create'))
from pg_available_extensions as e
join pg_available_extension_versions as v
    on v.name = e.name and v.version = e.default_version
where e.name = 'vector'
"""
_COLUMNS = """
select
    c.oid::regclass::text || '.' || a.attname,
    format_type(a.atttypid, a.atttypmod),
    a.atttypmod,
    exists (
        select from pg_depend as d
        join pg_extension as e on e.oid = d.refobjid and e.extname = 'vector'
        where d.refclassid = 'pg_extension'::regclass
            and d.classid = 'pg_type'::regclass and d.objid = t.oid and t.typname = 'vector'
    )
from (
    values (to_regclass('users'), 'face_embedding'), (to_regclass('photo_faces'), 'embedding')
) as wanted (relation, name)
join pg_class as c on c.oid = wanted.relation
join pg_attribute as a on a.attrelid = c.oid and a.attname = wanted.name and not a.attisdropped
join pg_type as t on t.oid = a.atttypid
order by 1
"""


def require_vectors(connection: Connection) -> str:
    """Check that pgvector is there and can be used; returns its version.

    Raises:
        ConfigurationError: it cannot; the message says what to do.
    """
    row = connection.execute(_INSTALLED).fetchone()
    if row is None:
        raise ConfigurationError(
            "pgvector, the extension vector, is not in this database; run: soloface migrate"
        )
    version, schema, usable, visible = row
    if not usable:
        raise ConfigurationError(
            f"pgvector is in the schema {schema}, which this login may not use; "
            f"grant usage on schema {schema} to it"
        )
    if not visible:
        path = _said(connection, "show search_path")
        raise ConfigurationError(
            f"pgvector is in the schema {schema}, which is not in search_path ({path}); add it in "
            f"SOLOFACE_DATABASE__DSN (?options=-csearch_path%3D{_joined(path, schema)}) or for the "
            "role or the database (alter role … set search_path = …)"
        )
    if _parsed(version) < OLDEST:
        raise ConfigurationError(
            f"pgvector is {version}, but soloface needs {_text(OLDEST)} or later; install that on "
            "the server, then run: alter extension vector update"
        )
    return str(version)


def require_installable(connection: Connection) -> None:
    """Check that pgvector is there or can be installed by this login.

    Raises:
        ConfigurationError: it cannot; the message says what to do.
    """
    installed = connection.execute("select from pg_extension where extname = 'vector'").fetchone()
    if installed is not None:
        require_vectors(connection)
        return
    row = connection.execute(_AVAILABLE).fetchone()
    if row is None:
        raise ConfigurationError(
            "pgvector is not available on this server; install its package there (on Debian "
            "postgresql-…-pgvector), or turn it on where your provider offers extensions"
        )
    version, allowed = row
    if _parsed(version) < OLDEST:
        raise ConfigurationError(
            f"the server has pgvector {version}, but soloface needs {_text(OLDEST)} or later"
        )
    if not allowed:
        raise ConfigurationError(
            f"{_said(connection, 'select current_user')} may not install pgvector; run once as a "
            "superuser, in this database: create extension vector"
        )


def require_dimension(connection: Connection, dimension: int) -> None:
    """Check that the vector columns hold vectors of this length.

    Raises:
        ConfigurationError: they do not.
    """
    for column, kind, length, is_vector in connection.execute(_COLUMNS):
        if not is_vector:
            raise ConfigurationError(
                f"{column} is {kind}, but must be pgvector's vector({dimension}); if that column "
                "is your own, give it another name"
            )
        if length != dimension:
            has = f"vector({length})" if length > 0 else "vector without a length"
            raise ConfigurationError(
                f"{column} is {has}, but the model pack makes vector({dimension}); use "
                "the pack the database was made for (SOLOFACE_MODEL__PACK) or another database"
            )


def _said(connection: Connection, question: LiteralString) -> str:
    row = connection.execute(question).fetchone()
    return str(row[0]) if row else ""


def _joined(path: str, schema: str) -> str:
    return ",".join([*(part.strip() for part in path.split(",") if "$" not in part), schema])


def _parsed(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
