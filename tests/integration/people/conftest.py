"""A place for each test, in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.setup.migrate import migrate
from dataflow.settings import DatabaseSettings
from tests.builders import DIMENSION
from tests.integration.people.place import Place


@pytest.fixture
def place(database_dsn: str) -> Iterator[Place]:
    where = DatabaseSettings(dsn=database_dsn)
    migrate(where, DIMENSION)
    with closing(Database(where)) as database:
        yield Place(database)
