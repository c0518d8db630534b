"""Whether a login may do what the worker does, and sees every row that it has to see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from connectors.postgres.gallery.search import vector_dimension
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.jobs.errors import ConfigurationError

STATEMENTS = (
    "photo_states",
    "decisions",
    "confirmed_users",
    "nearest_members",
    "nearest_members_together",
    "limits_in_galleries",
    "move_galleries",
    "galleries_of_requests",
    "count_members",
    "step_gallery_limits",
    "enter_gate",
    "lock_photos",
    "say_why",
    "lock_tagged",
    "record_matches",
    "record_outcomes",
    "note_withdrawn",
    "take_turn",
    "pending_rematches",
    "wait_at_gate",
    "begin_rematches",
    "face_blocks",
    "changed_users",
    "photos_of_users",
    "faces_in_blocks",
    "faces_in_bands",
    "sift_faces",
    "vectors_in_blocks",
    "recorded_faces",
    "settle_tags",
    "note_nearest",
    "amend_outcomes",
    "place_rematches",
    "end_rematches",
    "any_untold",
    "take_relay_turn",
    "still_untold",
    "untold_changes",
    "write_through",
    "forget_told",
    "outbox_state",
    "gallery_sizes",
    "someones_model",
    "search_state",
    "nearest_users",
    "note_limits",
    "limits_of",
    "lock_limits",
    "step_limits",
    "count_users",
    "read_lately",
    "nearest_remembered",
    "memory_state",
    "mark_memory",
    "memory_galleries",
    "memory_changes",
    "prune_changes",
)
"""All that the worker runs, but for the search by an index and the reading of all vectors.

Those read the same columns.
"""

PEOPLE_STATEMENTS = (
    "take_person_turn",
    "lock_person_turn",
    "person_request",
    "person_standing",
    "photos_on_record",
    "enrolled_by_requests",
    "note_person_request",
    "note_person_turn",
    "lock_users",
    "take_enrolment_turn",
    "galleries_of_users",
    "count_members",
    "search_state",
    "nearest_users",
    "nearest_fellows",
    "lock_tagged",
    "join_galleries",
    "lift_withdrawals",
    "insert_users",
    "update_users",
    "save_enrolments",
    "save_enrolment_photos",
    "save_consents",
    "enrolment_fingerprints",
    "enrolment_photo_counts",
    "unreferenced_photos",
    "gallery_required",
    "someones_model",
    "count_users",
    "say_why",
    "lock_user",
    "photos_showing",
    "erase_user",
    "withdraw",
    "others_photos",
    "enrolled_lately",
)
"""All that is run for requests about people."""

NEEDED = {
    "photos": "rw",
    "users": "rw",
    "photo_faces": "arw",
    "face_matches": "arwd",
    "face_match_outcomes": "arw",
    "face_match_decisions": "r",
    "face_match_limits": "arw",
    "face_gallery_members": "r",
    "face_gallery_limits": "arw",
    "face_rematches": "rwd",
    "face_outbox": "rd",
    "face_withdrawals": "r",
    "face_withdrawn_photos": "ar",
    "face_user_changes": "rd",
    "face_memory": "arw",
}
"""What it does with the rows of each table: (a)dd, (r)ead, (w)rite or lock, (d)elete."""

_WORDS = {"a": "insert", "d": "delete", "r": "select", "w": "update"}
_LOGIN = """
select
    current_user,
    to_regrole('soloface_worker') is not null,
    coalesce(pg_has_role(current_user, to_regrole('soloface_worker'), 'member'), false),
    coalesce(pg_has_role(current_user, to_regrole('soloface_worker'), 'usage'), false)
"""


def require_rights(connection: Connection) -> str:
    """Check that this login may run each of the worker's statements; returns its name.

    They are planned, not run: PostgreSQL looks at every right of a statement before that.

    Raises:
        ConfigurationError: it may not; the message says what is missing and what to grant.
    """
    login, there, member, inherits = connection.execute(_LOGIN).fetchone() or (
        "",
        False,
        False,
        False,
    )
    refusals = dict.fromkeys(_refusals(connection))
    if not refusals:
        return str(login)
    if not there:
        way_out = (
            "there is no role soloface_worker yet: run sql/migrations/0002_roles.sql as a "
            f"superuser, then: grant soloface_worker to {login}"
        )
    elif not member:
        way_out = f"grant soloface_worker to {login}"
    elif not inherits:
        way_out = (
            f"it has soloface_worker without inheriting its rights: alter role {login} inherit"
        )
    else:
        way_out = (
            "soloface_worker has lost rights: run the files of sql/migrations that grant them "
            "again, as the owner of the tables"
        )
    raise ConfigurationError(
        f"the login {login} may not do what a worker does ({'; '.join(refusals)}); {way_out}"
    )


def require_people_rights(connection: Connection) -> None:
    """Check that this login may enrol and erase people.

    Raises:
        ConfigurationError: it may not; the message says what is missing and what to grant.
    """
    if refusals := dict.fromkeys(_refusals(connection, PEOPLE_STATEMENTS)):
        login = connection.info.user
        raise ConfigurationError(
            f"the login {login} may not do what requests about people ask "
            f"({'; '.join(refusals)}); grant soloface_enroller, soloface_eraser to {login}"
        )


def require_all_rows(connection: Connection) -> list[str]:
    """Check that row level security hides nothing; returns what it may hide, a line each.

    Raises:
        ConfigurationError: it hides every row of a table, or lets none be written, or cannot be
            worked out for this login.
    """
    doubts = []
    asked = {
        "tables": [table for table, commands in NEEDED.items() for _ in commands],
        "commands": [command for commands in NEEDED.values() for command in commands],
    }
    for table, command, policies, unconditional, login in connection.execute(
        query("row_security"), asked
    ):
        what = f"row level security of {table}"
        if not policies:
            done = (
                "hides its rows from" if command == "r" else f"refuses every {_WORDS[command]} of"
            )
            raise ConfigurationError(
                f"{what} {done} the login {login}: every job would end as photo_not_found or not "
                f"at all; create policy soloface_worker on {table} to soloface_worker using (true) "
                f"with check (true), or: alter role {login} bypassrls"
            )
        if not unconditional:
            if command == "r":
                _require_some_rows(connection, table, login)
            doubts.append(
                f"{what} has a condition for {_WORDS[command]}; rows that it hides from the login "
                f"{login} are not there for a worker"
            )
    return doubts


def _require_some_rows(connection: Connection, table: str, login: str) -> None:
    """Look whether a condition, say on a tenant that only the platform sets, hides everything."""
    there, seen = (
        sql.SQL("select pg_stat_get_live_tuples(to_regclass({})) > 0").format(table),
        sql.SQL("select exists (select from {})").format(sql.Identifier(table)),
    )
    way_out = (
        f"create policy soloface_worker on {table} to soloface_worker using (true) with check "
        f"(true), or: alter role {login} bypassrls"
    )
    try:
        hidden = connection.execute(there).fetchone() == (True,) and (
            connection.execute(seen).fetchone() == (False,)
        )
    except psycopg.errors.DatabaseError as error:
        if error.sqlstate is None:
            raise  # the connection is gone, which says nothing of the condition
        raise ConfigurationError(
            f"row level security of {table} has a condition that fails for the login {login} "
            f"({error.diag.message_primary}); {way_out}"
        ) from None
    if hidden:
        raise ConfigurationError(
            f"row level security of {table} has a condition that hides all its rows from the login "
            f"{login}; {way_out}"
        )


def _refusals(connection: Connection, statements: Sequence[str] = STATEMENTS) -> Iterator[str]:
    dimension = vector_dimension(connection)
    nothing = defaultdict[str, Any](lambda: None)
    texts = [query(name) for name in statements]
    if dimension > 0:
        texts.append(query("nearest_users_by_index", dimension=dimension))
    for text in texts:
        plan_it = "explain " + text
        try:
            connection.execute(plan_it, nothing)
        except psycopg.errors.InsufficientPrivilege as error:
            yield str(error.diag.message_primary)
        except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable) as error:
            raise ConfigurationError(
                f"{error.diag.message_primary}; run: soloface migrate"
            ) from None
