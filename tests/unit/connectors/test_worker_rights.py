"""What doctor and the worker's start look at is what the worker runs, and what migrations make."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from connectors.postgres.setup.declared import PLATFORMS, added, made, triggers
from connectors.postgres.setup.migrate import migrations
from connectors.postgres.setup.rights import NEEDED, PEOPLE_STATEMENTS, STATEMENTS
from connectors.postgres.sql_files import query
from dataflow.steps.matching import NEAR_MISS
from tests.places import REPOSITORY

WORKERS = (
    *("gallery/candidates", "gallery/memory", "gallery/nearest", "gallery/reading"),
    *("gallery/search", "gallery/users"),
    *("photos/limits", "photos/ended", "photos/following", "photos/read_lately"),
    *("photos/recorder", "photos/registry"),
    *("tags/deciding", "tags/outbox", "tags/rematching", "tags/sifting", "tags/waiting"),
)
OTHERS = {
    *("insert_user", "update_user", "noted_limits", "nearest_fellows", "enrolled_lately"),
    "read_memory",  # no statement that can be planned; it reads what others read
}
PEOPLE = ("people/requests", "gallery/neighbours", "gallery/enrolments")
OF_COMMANDS = {"gallery_required", "withdrawn_users", "enrolled_photos"}
BY_INDEX = "nearest_users_by_index"  # planned as well, with the length of the vectors


def statements(modules: Iterable[str]) -> set[str]:
    """The names of those that some modules run."""
    names = set()
    for module in modules:
        text = (REPOSITORY / "connectors" / "postgres" / f"{module}.py").read_text()
        names |= set(re.findall(r'(?:query|self\._one)\(\s*"(\w+)"', text))
    return names


def test_each_statement_of_the_worker_is_looked_at() -> None:
    assert statements(WORKERS) - OTHERS == {*STATEMENTS, BY_INDEX}


def test_each_statement_of_requests_about_people_is_looked_at() -> None:
    assert statements(PEOPLE) - OF_COMMANDS <= set(PEOPLE_STATEMENTS)


def test_each_table_that_the_worker_names_is_looked_at_for_hidden_rows() -> None:
    text = "\n".join(query(name) for name in STATEMENTS)
    tables = {*PLATFORMS, *made(migrations())}

    assert {table for table in tables if re.search(rf"\b{table}\b", text)} == set(NEEDED)


def test_the_limits_reach_in_the_database_is_that_of_the_policy() -> None:
    (path,) = [path for path in migrations() if path.name == "0008_limits.sql"]
    assert f"greatest(coalesce(new.min_margin, 0), {NEAR_MISS})" in path.read_text()


def test_the_triggers_that_the_migrations_leave_are_read_from_them(tmp_path: Path) -> None:
    (tmp_path / "0001.sql").write_text(
        "create trigger first\n  after insert on users for each row execute function f();\n"
        "create or replace trigger second\nafter update of a, b on photos\n execute function f();\n"
    )
    (tmp_path / "0002.sql").write_text(
        "drop trigger if exists first on users;\n"
        "create constraint trigger third after insert on photos execute function f();\n"
    )
    found = triggers(sorted(tmp_path.glob("*.sql")))
    assert found == {
        ("second", "photos"): "sql/migrations/0001.sql",
        ("third", "photos"): "sql/migrations/0002.sql",
    }


def test_what_the_migrations_make_is_read_from_them() -> None:
    tables = made(migrations())

    assert tables["photo_faces"]["embedding"] == "vector"
    assert tables["face_matches"]["confidence"] == "double precision"
    assert set(added(migrations())["users"]) >= {"face_embedding", "face_embedding_model"}
    assert not set(PLATFORMS) & set(tables)
    declared = re.findall(
        r"create (?:unlogged )?table if not exists (\w+)",
        "\n".join(path.read_text() for path in migrations()),
    )
    assert set(declared) == {*tables, *PLATFORMS}
    assert all(tables.values())
