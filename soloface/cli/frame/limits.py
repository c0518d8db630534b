"""The limits that recorded faces are matched by, for commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soloface.cli.frame.output import complain, say

if TYPE_CHECKING:
    from connectors.postgres.connection import Database
    from connectors.postgres.tags.deciding import Rules
    from dataflow.settings import Settings


def rules_of_workers(
    settings: Settings, database: Database, *, without_users: bool = False
) -> Rules:
    """The limits that workers have noted; says so on standard error where none has noted any.

    Raises:
        ConfigurationError, TransientError, SystemicError: as `soloface.rules.rules_of_workers`.
    """
    from soloface import rules

    return rules.rules_of_workers(settings, database, complain, without_users=without_users)


def say_limits(rules: Rules) -> None:
    """Print what decides."""
    limits = ", ".join(
        f"{name} {'none' if limit is None else f'{limit:g}'}"
        for name, limit in rules.policy.limits.items()
    )
    moves = "" if rules.move else "; tags stay where they are (SOLOFACE_REMATCH__MOVE=false)"
    say(f"matched by {rules.model}, {limits}{moves}")
