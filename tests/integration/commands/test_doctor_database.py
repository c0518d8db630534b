"""`soloface doctor`, and the worker's start, wherever a database keeps a worker from working."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from psycopg import sql

from connectors.embedded import PostgresServer
from connectors.postgres.rights import NEEDED
from dataflow.jobs.errors import SolofaceError
from dataflow.settings import PREFIX, load_settings
from soloface.worker import Worker
from tests.fixtures.logins import login_with
from tests.fixtures.pgbouncer import Pooled
from tests.fixtures.worker import MakeWorld, Soloface
from tests.world import World

Found = dict[str, str]


@pytest.fixture
def found(soloface: Soloface) -> Callable[[], Found]:
    """What doctor finds wrong, by check; the worker's start says the same."""

    def examine() -> Found:
        done = soloface("doctor", "--json")
        wrong = {f["name"]: str(f["detail"]) for f in done.json if not f["healthy"]}
        assert done.code == (1 if wrong else 0)
        assert not any("\n" in detail for detail in wrong.values())
        refused = start_refused()
        assert bool(refused) == bool(wrong)
        assert not refused or refused in wrong.values()
        return wrong

    return examine


def start_refused() -> str:
    """Why a worker does not start with the present environment, if it does not."""
    worker = Worker(load_settings(), threading.Event())
    with closing(worker._database):
        try:
            worker.check()
        except SolofaceError as error:
            return str(error)
    return ""


@pytest.fixture
def login(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The worker's login, with the role and nothing more; doctor and worker use it."""
    with ExitStack() as cleanup:
        settings = cleanup.enter_context(login_with("soloface_worker", world.settings.database))
        dsn = settings.dsn.get_secret_value()
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", dsn)
        yield dsn.partition("//")[2].partition(":")[0]


def name_of(world: World) -> str:
    """The database's name."""
    return world.settings.database.dsn.get_secret_value().rpartition("/")[2]


def run(world: World, statements: str) -> None:
    with world.database() as connection:
        connection.execute(statements.encode())


def test_a_login_with_the_role_and_nothing_more_is_enough(
    login: str, soloface: Soloface, found: Callable[[], Found]
) -> None:
    assert found() == {}
    details = {f["name"]: f["detail"] for f in soloface("doctor", "--json").json}
    assert details["rights"] == f"{login} may do what a worker does"


def test_a_login_without_the_role_is_told_which_one_to_grant(
    world: World, login: str, found: Callable[[], Found]
) -> None:
    run(world, f"revoke soloface_worker from {login}; grant usage on schema public to {login}")
    try:
        wrong = found()
    finally:
        run(world, f"revoke usage on schema public from {login}")

    assert f"grant soloface_worker to {login}" in wrong["rights"]
    assert "permission denied for table photos" in wrong["rights"]


def test_a_login_that_may_not_enter_the_schema_is_told_so(
    world: World, login: str, found: Callable[[], Found]
) -> None:
    run(world, f"revoke soloface_worker from {login}")

    wrong = found()

    assert wrong.keys() >= {"postgres", "schema", "rights"}
    assert all("schema public" in wrong[name] for name in ("schema", "rights"))


def test_a_role_that_is_not_inherited_is_no_use(
    world: World, login: str, found: Callable[[], Found]
) -> None:
    run(world, f"grant soloface_worker to {login} with inherit false")
    run(world, f"grant usage on schema public to {login}")
    try:
        assert "without inheriting its rights" in found()["rights"]
    finally:
        run(world, f"revoke usage on schema public from {login}")


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
            "face_matches": ("insert",),
            "face_match_outcomes": ("select", "insert", "update"),
        }.items()
        for right in rights
    ),
    "select (photo_face_id) on face_matches",
    "select (decision) on face_match_decisions",
]


@pytest.mark.parametrize("lost", LOST)
def test_each_right_that_is_lost_is_noticed(
    world: World, login: str, found: Callable[[], Found], lost: str
) -> None:
    run(world, f"revoke {lost} from soloface_worker")

    wrong = found()

    assert wrong.keys() <= {"rights", "gallery"}
    assert f"permission denied for table {lost.rpartition(' ')[2]}" in wrong["rights"]
    assert login in wrong["rights"]


HIDDEN = [table for table in NEEDED if table != "face_match_decisions"]


@pytest.mark.parametrize("table", HIDDEN)
def test_row_level_security_without_a_policy_for_the_worker_is_found(
    world: World, login: str, found: Callable[[], Found], table: str
) -> None:
    run(world, f"alter table {table} enable row level security")

    wrong = found()

    assert wrong.keys() == {"rights"}
    for word in (f"row level security of {table}", login, "create policy", "bypassrls"):
        assert word in wrong["rights"]


def test_row_level_security_that_hides_photos_says_so(
    world: World, login: str, found: Callable[[], Found]
) -> None:
    run(
        world,
        "alter table photos enable row level security; "
        "create policy others on photos using (true) with check (true); "
        "alter policy others on photos to soloface_auditor",
    )
    detail = found()["rights"]

    assert detail.startswith(f"row level security of photos hides its rows from the login {login}")


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
    world: World, soloface: Soloface, found: Callable[[], Found], policies: str
) -> None:
    run(world, f"alter table photos enable row level security; {policies}")

    assert found() == {}
    assert not any(finding["warning"] for finding in soloface("doctor", "--json").json)


@pytest.mark.parametrize(
    "policies",
    [
        "create policy w on photos using (id is not null)",
        OPEN + "create policy x on photos as restrictive using (id is not null)",
    ],
)
@pytest.mark.usefixtures("login")
def test_policies_with_a_condition_are_a_warning(
    world: World, soloface: Soloface, found: Callable[[], Found], policies: str
) -> None:
    run(world, f"alter table photos enable row level security; {policies}")

    assert found() == {}
    warnings = [f["detail"] for f in soloface("doctor", "--json").json if f["warning"]]
    assert warnings
    assert all("row level security of photos has a condition" in detail for detail in warnings)


def test_row_level_security_does_not_stop_whom_it_does_not_hold_for(
    world: World, login: str, found: Callable[[], Found]
) -> None:
    run(world, f"alter table photos enable row level security; alter role {login} bypassrls")

    assert found() == {}


@pytest.mark.parametrize("of", ["database {database}", "role {login}"])
def test_a_database_that_is_read_only_is_found(
    world: World, login: str, found: Callable[[], Found], of: str
) -> None:
    whose = of.format(database=name_of(world), login=login)
    run(world, f"alter {whose} set default_transaction_read_only = on")

    assert "the database is read-only" in found()["postgres"]


def test_a_standby_is_found(make_world: MakeWorld, found: Callable[[], Found]) -> None:
    with PostgresServer() as server:
        make_world(postgres=server)
        assert found() == {}
        server.stop()
        (server.directory / "data" / "standby.signal").touch()
        server.start()

        assert "this server is a standby" in found()["postgres"]


def test_tables_in_a_schema_off_the_search_path_are_named(
    world: World, found: Callable[[], Found]
) -> None:
    run(world, "create schema app; alter table face_match_outcomes set schema app")

    assert "the tables are in the schema app, which is not in search_path" in found()["schema"]


def test_platform_tables_that_are_gone_are_named(world: World, found: Callable[[], Found]) -> None:
    run(world, "alter table users rename to people")

    assert "there is no table users" in found()["schema"]


def test_a_column_that_is_gone_is_named(world: World, found: Callable[[], Found]) -> None:
    run(world, "alter table face_match_outcomes drop column margin")

    assert "margin does not exist; run: soloface migrate" in found()["rights"]


def test_pgvector_off_the_search_path_is_named_and_not_its_length(
    world: World, found: Callable[[], Found]
) -> None:
    run(world, "create schema app; alter extension vector set schema app")

    wrong = found()

    for name in ("postgres", "schema", "gallery"):
        assert "pgvector is in the schema app, which is not in search_path" in wrong[name]


def test_vectors_are_compared_by_type_and_not_by_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch, soloface: Soloface
) -> None:
    database = sql.Identifier(name_of(world))
    with world.database() as connection:
        connection.execute("create schema app; alter extension vector set schema app")
        # First a schema with a type of that name, so that ours is never shown without its schema.
        connection.execute("create schema other; create domain other.vector as text")
        path = sql.SQL("alter database {} set search_path = public, app, other")
        connection.execute(path.format(database))
    details = {f["name"]: f["detail"] for f in soloface("doctor", "--json").json}
    assert details["schema"] == "up to date, vectors of 128"
    monkeypatch.setenv(f"{PREFIX}MODEL__PACK", "buffalo_l")

    (schema,) = (f for f in soloface("doctor", "--json").json if f["name"] == "schema")

    assert "is vector(128), but the model pack makes vector(512)" in schema["detail"]


def test_a_worker_behind_a_pooler_is_well_with_the_setting_only(
    world: World, pooled: Pooled, monkeypatch: pytest.MonkeyPatch, soloface: Soloface
) -> None:
    dsn = pooled(world.settings.database.dsn.get_secret_value())
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", dsn)
    done = soloface("doctor", "--json")
    details = {f["name"]: f["detail"] for f in done.json}
    assert done.code == 1
    assert "SOLOFACE_DATABASE__POOLER=transaction" in details["postgres"]
    assert "SOLOFACE_DATABASE__POOLER=transaction" in start_refused()

    monkeypatch.setenv(f"{PREFIX}DATABASE__POOLER", "transaction")

    done = soloface("doctor", "--json")
    details = {f["name"]: f["detail"] for f in done.json}
    assert done.code == 0
    assert details["postgres"].endswith("through a pooler in transaction mode")
    assert start_refused() == ""


def test_a_pooler_that_is_set_and_not_there_is_a_warning(
    world: World, monkeypatch: pytest.MonkeyPatch, soloface: Soloface
) -> None:
    assert world.settings.database.pooler == "none"
    monkeypatch.setenv(f"{PREFIX}DATABASE__POOLER", "transaction")

    done = soloface("doctor", "--json")

    assert done.code == 0
    (warning,) = (f["detail"] for f in done.json if f["warning"])
    assert "no pooler answers" in warning
