"""Photos of the platform that should have an outcome and have none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from connectors.postgres.connection import Database
from dataflow.jobs.errors import ConfigurationError, SolofaceError

PAGE = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Which photos should have one. Columns are those of the platform's ``photos``.

    ``ref_column`` holds the image reference, ``gallery_column`` the name of the photo's gallery, if
    there is such a column; ``equal`` are columns and the text that they must
    have. ``created_before`` is a time with a zone, compared with ``created_column``.
    """

    ref_column: str
    created_column: str = "created_at"
    created_before: datetime | None = None
    created_after: datetime | None = None
    equal: Mapping[str, str] = field(default_factory=dict)
    gallery_column: str | None = None

    def condition(self) -> tuple[sql.Composed, dict[str, Any]]:
        """The condition and its parameters; names are quoted, values are not in it."""
        created = sql.Identifier("photos", self.created_column)
        parts = [
            sql.SQL("{} is not null").format(sql.Identifier("photos", self.ref_column)),
            # Of those who have agreed again, a photo may be looked at again.
            sql.SQL(
                "not exists (select from face_match_outcomes as o "
                "where o.photo_id = photos.id and o.reason <> 'withdrawn')"
            ),
            sql.SQL(
                "not exists (select from face_withdrawn_photos as w where w.photo_id = photos.id)"
            ),
        ]
        values: dict[str, Any] = {}
        if self.created_before:
            parts.append(sql.SQL("{} < %(before)s").format(created))
            values["before"] = self.created_before
        if self.created_after:
            parts.append(sql.SQL("{} >= %(after)s").format(created))
            values["after"] = self.created_after
        for index, (column, text) in enumerate(self.equal.items()):
            name = sql.Identifier("photos", column)
            parts.append(sql.SQL("{}::text = {}").format(name, sql.Placeholder(f"equal_{index}")))
            values[f"equal_{index}"] = text
        return sql.SQL(" and ").join(parts), values


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The photos of a selection, a page at a time and each one once."""

    database: Database
    selection: Selection

    def count(self) -> int:
        """How many there are.

        Raises:
            ConfigurationError: there is no such column, or we may not read it.
            SolofaceError: the database does not answer.
        """
        condition, values = self.selection.condition()
        statement = sql.SQL("select count(*) from photos where {}").format(condition)
        ((count,),) = self._rows(statement, values)
        return int(count)

    def pages(self) -> Iterator[list[tuple[UUID, str, str | None]]]:
        """Their ids, references and galleries, in the order of their ids.

        Raises:
            ConfigurationError: there is no such column, or we may not read it.
            SolofaceError: the database does not answer.
        """
        condition, values = self.selection.condition()
        column = self.selection.gallery_column
        statement = sql.SQL(
            "select id, {ref}::text, {gallery}::text from photos "
            "where {condition} and id > %(last)s order by id limit %(page)s"
        ).format(
            ref=sql.Identifier(self.selection.ref_column),
            gallery=sql.Identifier(column) if column else sql.NULL,
            condition=condition,
        )
        last = UUID(int=0)
        while rows := self._rows(statement, {**values, "last": last, "page": PAGE}):
            yield rows
            last = rows[-1][0]

    def _rows(self, statement: sql.Composed, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        try:
            with self.database.connection() as connection:
                return connection.execute(statement, values).fetchall()
        except SolofaceError as error:
            cause = error.__cause__
            if isinstance(
                cause, psycopg.errors.UndefinedColumn | psycopg.errors.InsufficientPrivilege
            ):
                raise ConfigurationError(
                    f"{error}; name the columns of `photos` with --ref-column, --created-column, "
                    "--gallery-column and --only, and use a login that may read them"
                ) from None
            raise
