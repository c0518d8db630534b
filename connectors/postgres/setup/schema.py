"""Whether the tables are there, from a login's point of view."""

from __future__ import annotations

from connectors.postgres.session import Connection
from dataflow.jobs.errors import ConfigurationError

_ELSEWHERE = """
select quote_ident(nspname), has_schema_privilege(n.oid, 'usage'), current_setting('search_path'),
    current_user
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relname = 'face_match_outcomes' and c.relkind = 'r'
order by 2 desc, 1
limit 1
"""


def require_tables(connection: Connection) -> None:
    """Check that the schema is there.

    Raises:
        ConfigurationError: it is not.
    """
    found = connection.execute(
        "select to_regclass('face_match_outcomes'), to_regclass('photos'), to_regclass('users')"
    ).fetchone()
    ours, *platforms = found or (None, None, None)
    if ours is None:
        elsewhere = connection.execute(_ELSEWHERE).fetchone()
        if elsewhere is None:
            raise ConfigurationError("the database has no tables for faces; run: soloface migrate")
        schema, usable, path, user = elsewhere
        if not usable:
            raise ConfigurationError(
                f"the tables are in the schema {schema}, which {user} may not use; grant "
                f"soloface_worker to {user}, or usage on the schema"
            )
        raise ConfigurationError(
            f"the tables are in the schema {schema}, which is not in search_path ({path}); set "
            "that in SOLOFACE_DATABASE__DSN or for the role, or run: soloface migrate"
        )
    for name, table in zip(("photos", "users"), platforms, strict=True):
        if table is None:
            raise ConfigurationError(
                f"there is no table {name} that search_path leads to, though soloface's own tables "
                "are there; was it dropped or moved?"
            )
