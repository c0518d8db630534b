"""`soloface doctor`, and the worker's start: a login that may not do or see what a worker must."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.session import Connection
from connectors.postgres.setup.rights import NEEDED, require_all_rows, require_rights
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import load_settings
from tests.fixtures.examined import Found, run
from tests.fixtures.worker import Soloface
from tests.world import World, eventually


def test_a_login_with_the_role_and_nothing_more_is_enough(
    login: str, soloface: Soloface, found: Found
) -> None:
    assert found() == {}
    details = {f["name"]: f["detail"] for f in soloface("doctor", "--json").json}
    assert details["rights"] == f"{login} may do what a worker does"


def test_a_login_without_the_role_is_told_which_one_to_grant(
    world: World, login: str, found: Found
) -> None:
    run(world, f"revoke soloface_worker from {login}; grant usage on schema public to {login}")
    try:
        wrong = found()
    finally:
        run(world, f"revoke usage on schema public from {login}")

    assert f"grant soloface_worker to {login}" in wrong["rights"]
    assert "permission denied for table photos" in wrong["rights"]


def test_a_login_that_may_not_enter_the_schema_is_told_so(
    world: World, login: str, found: Found
) -> None:
    run(world, f"revoke soloface_worker from {login}")

    wrong = found()

    assert wrong.keys() >= {"postgres", "schema", "rights"}
    assert all("schema public" in wrong[name] for name in ("schema", "rights"))


def test_a_role_that_is_not_inherited_is_no_use(world: World, login: str, found: Found) -> None:
    run(world, f"grant soloface_worker to {login} with inherit false")
    run(world, f"grant usage on schema public to {login}")
    try:
        assert "without inheriting its rights" in found()["rights"]
    finally:
        run(world, f"revoke usage on schema public from {login}")


@contextmanager
def looking() -> Iterator[Connection]:
    """A connection of the login."""
    database = Database(load_settings().database)
    with closing(database), database.connection() as connection:
        yield connection


LOST = [
    "select (id) on photos",
    "update (id) on photos",
    "select (face_embedding) on users",
    "select (face_embedding_model) on users",
    "update (face_enrolled_at) on users",
    *(
        f"{right} on {table}"
        for table, rights in {
            "photo_faces": ("select", "insert", "update"),
            "face_matches": ("select", "insert", "update", "delete"),
            "face_match_outcomes": ("select", "insert", "update"),
            "face_match_limits": ("select", "insert", "update"),
            "face_outbox": ("select", "delete"),
            "face_rematches": ("select", "update", "delete"),
        }.items()
        for right in rights
    ),
    "select (decision) on face_match_decisions",
]


def test_each_right_that_is_lost_is_noticed(world: World, login: str) -> None:
    for lost in LOST:
        run(world, f"revoke {lost} from soloface_worker")
        with looking() as connection, pytest.raises(ConfigurationError) as wrong:
            require_rights(connection)
        run(world, f"grant {lost} to soloface_worker")

        assert f"permission denied for table {lost.rpartition(' ')[2]}" in str(wrong.value)
        assert login in str(wrong.value)


@pytest.mark.usefixtures("login")
def test_a_right_that_is_lost_is_one_of_doctors_checks(world: World, found: Found) -> None:
    run(world, "revoke insert on photo_faces from soloface_worker")

    assert found().keys() == {"rights"}


HIDDEN = [table for table in NEEDED if table != "face_match_decisions"]


def test_row_level_security_without_a_policy_for_the_worker_is_found(
    world: World, login: str
) -> None:
    for table in HIDDEN:
        run(world, f"alter table {table} enable row level security")
        with looking() as connection, pytest.raises(ConfigurationError) as wrong:
            require_all_rows(connection)
        run(world, f"alter table {table} disable row level security")

        for word in (f"row level security of {table}", login, "create policy", "bypassrls"):
            assert word in str(wrong.value)


def test_row_level_security_that_hides_photos_says_so(
    world: World, login: str, found: Found
) -> None:
    run(
        world,
        "alter table photos enable row level security; "
        "create policy others on photos using (true) with check (true); "
        "alter policy others on photos to soloface_auditor",
    )
    detail = found()["rights"]

    assert detail.startswith(f"row level security of photos hides its rows from the login {login}")


def warnings(soloface: Soloface) -> list[str]:
    """What doctor warns of in the login's rights."""
    found = soloface("doctor", "--json").json
    return [f["detail"] for f in found if f["warning"] and f["name"] == "rights"]


READ = "create policy r on photos for select using (true);"
OPEN = "create policy w on photos using (true);"


@pytest.mark.parametrize(
    "policies",
    [
        "create policy w on photos to soloface_worker using (true) with check (true)",
        OPEN,
        READ + "create policy u on photos for update to soloface_worker using (true)",
        "create policy m on photos using (id is null); create policy w on photos using (true)",
    ],
)
@pytest.mark.usefixtures("login")
def test_policies_that_let_the_worker_pass_are_well(
    world: World, soloface: Soloface, found: Found, policies: str
) -> None:
    run(world, f"alter table photos enable row level security; {policies}")

    assert found() == {}
    assert warnings(soloface) == []


@pytest.mark.parametrize(
    "policies",
    [
        "create policy w on photos using (id is not null)",
        OPEN + "create policy x on photos as restrictive using (id is not null)",
    ],
)
@pytest.mark.usefixtures("login")
def test_policies_with_a_condition_are_a_warning(
    world: World, soloface: Soloface, found: Found, policies: str
) -> None:
    run(world, f"alter table photos enable row level security; {policies}")

    assert found() == {}
    told = warnings(soloface)
    assert told
    assert all("row level security of photos has a condition" in detail for detail in told)


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ("id::text = current_setting('app.owner', true)", "hides all its rows"),
        ("current_setting('app.owner')::int = 1", "fails for the login"),
    ],
)
@pytest.mark.usefixtures("login")
def test_a_condition_that_no_photo_meets_stops_a_worker(
    world: World, found: Found, condition: str, word: str
) -> None:
    run(world, "insert into photos (id) select gen_random_uuid() from generate_series(1, 3)")
    run(world, "alter table photos enable row level security")
    run(world, f"create policy o on photos using ({condition})")

    def told() -> bool:  # PostgreSQL counts its rows a moment later
        return f"row level security of photos has a condition that {word}" in str(found())

    eventually(told, "doctor says what the condition does", 60)


def test_row_level_security_does_not_stop_whom_it_does_not_hold_for(
    world: World, login: str, found: Found
) -> None:
    run(world, f"alter table photos enable row level security; alter role {login} bypassrls")

    assert found() == {}
