"""The platform's database before it is migrated: whether soloface's tables find their place there.

What is in the way is one line each, before anything is locked or made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg.rows import class_row

from connectors.postgres.session import Connection
from connectors.postgres.setup.declared import PLATFORMS, Columns, added, made
from connectors.postgres.sql_files import query
from dataflow.jobs.errors import ConfigurationError

LEDGER = "soloface_migrations"
_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a type",
}


@dataclass(frozen=True, slots=True)
class _Table:
    """One of the platform's tables, or the place where it is missing."""

    name: str
    is_here: bool
    relation: str | None
    kind: str | None
    persistence: str | None
    owned: bool
    owner: str | None
    may_refer: bool
    partitioned_by: str | None
    id_type: str | None
    is_uuid: bool | None
    is_unique: bool
    primary_key: str | None

    def objection(self) -> str | None:
        """Why it cannot be extended and referred to, if it cannot."""
        return self._of_its_kind() or self._of_its_id() or self._of_its_owner()

    def _of_its_kind(self) -> str | None:
        if self.kind in _KINDS:
            return (
                f"{self.relation} is {_KINDS[self.kind]}, but must be a table: soloface locks its "
                "rows and refers to them by foreign keys, which PostgreSQL allows of tables only"
            )
        if self.kind == "p" and self.name == "users":
            return (
                f"{self.relation} is partitioned (by {self.partitioned_by}), but must be one "
                "table: the index by which users are searched cannot be built over partitions"
            )
        if self.kind == "p" and not self.is_unique:
            return (
                f"{self.relation} is partitioned by {self.partitioned_by}, so that {self.name}.id "
                "alone is not unique and cannot be referred to; soloface can work with partitions "
                "by id and primary key (id)"
            )
        if self.persistence != "p":
            return (
                f"{self.relation} is unlogged, but must be a permanent table, as those that refer "
                f"to it are: alter table {self.relation} set logged"
            )
        return None

    def _of_its_id(self) -> str | None:
        if self.id_type is None:
            has = f"; its primary key is {self.primary_key}" if self.primary_key else ""
            return f"{self.relation} has no column id; {self.name}.id must be uuid and unique{has}"
        if not self.is_uuid:
            return (
                f"{self.relation} has the id of type {self.id_type}, but {self.name}.id must be "
                "uuid: jobs name photos by UUID, and so do results name users"
            )
        if not self.is_unique:
            return (
                f"{self.relation} has no primary key or unique constraint on id alone; "
                f"{self.name}.id must be unique: alter table {self.relation} add primary key (id)"
            )
        return None

    def _of_its_owner(self) -> str | None:
        if not self.owned and self.name == "users":
            return (
                f"{self.relation} belongs to {self.owner}, and only its owner may add columns; "
                f"migrate with the login {self.owner}, or a member of that role"
            )
        if not self.owned and not self.may_refer:
            return (
                f"{self.relation} belongs to {self.owner}; migrate with that login, or: grant "
                f"references, trigger on {self.relation} to the one that migrates"
            )
        return None


def require_place(connection: Connection) -> None:
    """Check that tables can be made in the first schema of search_path.

    Raises:
        ConfigurationError: they cannot.
    """
    row = connection.execute(
        "select current_schema(), current_user, current_setting('search_path'), "
        "has_schema_privilege(current_schema(), 'create')"
    ).fetchone()
    schema, user, path, allowed = row or (None, "", "", None)
    if schema is None:
        raise ConfigurationError(
            f"{user} may use no schema of search_path ({path}), or none exists; create one, "
            "or set search_path in SOLOFACE_DATABASE__DSN or for the role"
        )
    if not allowed:
        raise ConfigurationError(
            f"{user} may not create tables in the schema {schema}; as its owner run: grant create "
            f"on schema {schema} to {user}"
        )


def require_own_ledger(connection: Connection) -> None:
    """Check that the list of applied migrations, which is there, is soloface's.

    Raises:
        ConfigurationError: it is not.
    """
    _refuse_namesakes(connection, {LEDGER: {"name": "text", "sha256": "text"}})


def require_fit(
    connection: Connection, pending: Sequence[Path], *, create: bool, tell: Callable[[str], None]
) -> None:
    """Check that the platform's tables are there, can be extended, and nothing has our names.

    Args:
        connection: in the transaction that migrates.
        pending: the migrations that were not applied yet.
        create: whether empty tables may be made beside somebody's own.
        tell: is told which ones will be.

    Raises:
        ConfigurationError: something is in the way; the message says what, and what to do.
    """
    with connection.cursor(row_factory=class_row(_Table)) as cursor:
        tables = cursor.execute(query("platform_tables"), {"names": list(PLATFORMS)}).fetchall()
    for table in tables:
        if table.is_here and (objection := table.objection()):
            raise ConfigurationError(objection)
    ours = made(pending)
    if missing := [table for table in tables if not table.is_here]:
        _allow_new(connection, missing, ours, create=create, tell=tell)
    _refuse_namesakes(connection, {**ours, **added(pending)})


def _allow_new(
    connection: Connection,
    missing: Sequence[_Table],
    ours: Collection[str],
    *,
    create: bool,
    tell: Callable[[str], None],
) -> None:
    """Let the platform's tables be made where the database is nobody's, or where we are told to."""
    strangers = connection.execute(query("strangers_tables"), {"ours": [*ours, LEDGER]}).fetchall()
    if not strangers:
        return
    schema, path = _place(connection)
    names = " and ".join(table.name for table in missing)
    are = "is" if len(missing) == 1 else "are"
    if create:
        tell(f"{names} {are} not there and will be made in the schema {schema}, empty")
        return
    known = {f"{schema}.{table}" for table in PLATFORMS}
    likely = [name for name, is_likely in strangers if is_likely and name not in known]
    if elsewhere := [table.relation for table in missing if table.relation]:
        found = (
            f"though search_path leads to {' and '.join(map(str, elsewhere))}; name that schema "
            "first in search_path"
        )
    elif likely:
        found = (
            f"but {', '.join(likely)}; rename yours to {names}, or name the schema of yours "
            "first in search_path"
        )
    else:
        found = (
            f"but other tables are, like {strangers[0][0]}; is it the right database and "
            "search_path"
        )
    raise ConfigurationError(
        f"{names} {are} not there in {schema}, the first schema of search_path ({path}), {found}; "
        f"or run soloface migrate --create, and {names} will be made there, empty"
    )


def _refuse_namesakes(connection: Connection, wanted: Mapping[str, Columns]) -> None:
    """Refuse tables and columns that have our names and are somebody else's."""
    columns = [(table, *column) for table, types in wanted.items() for column in types.items()]
    tables, names, types = map(list, zip(*columns, strict=True)) if columns else ([], [], [])
    asked = {"tables": tables, "names": names, "types": types}
    for relation, kind, name, type_, has in connection.execute(query("foreign_columns"), asked):
        table = relation.rpartition(".")[2]
        if table in PLATFORMS:
            if has:  # else it will be added
                raise ConfigurationError(
                    f"{relation} has a column {name} of type {has}, but soloface needs that name "
                    f"for its own of type {type_}; rename yours"
                )
            continue
        if kind in _KINDS:
            what = f"is {_KINDS[kind]}"
        elif has:
            what = f"has {name} of type {has} instead of {type_}"
        else:
            what = f"has no column {name}"
        raise ConfigurationError(
            f"{relation} is not soloface's ({what}), but soloface needs that name; rename yours"
        )


def _place(connection: Connection) -> tuple[str, str]:
    row = connection.execute("select current_schema(), current_setting('search_path')").fetchone()
    return row or ("", "")
