"""What a command says of a failure: one line of what is wrong, and where help is."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import typer

from dataflow.jobs.errors import SolofaceError

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Failure:
    """How a command ends: what it prints on standard error, and its exit code."""

    text: str
    code: int = 1


def explained(error: Exception) -> Failure | None:
    """Put a failure that is expected into words; ``None`` if it is a bug.

    Args:
        error: what a command has raised.
    """
    match error:
        case SolofaceError():
            return Failure(f"error: {error}\n")
        case typer.Abort():
            return Failure("aborted\n")
        case typer.TyperException():
            return _wrong_use(error)
        case OSError(errno=errno.EPIPE):
            return Failure("")
        case OSError(strerror=str()):
            names = ": ".join(str(name) for name in (error.filename, error.strerror) if name)
            return Failure(f"error: {names}\n")
        case _:
            return _drivers(error)


def _wrong_use(error: typer.TyperException) -> Failure:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # of a module that Typer keeps to itself
        return Failure("", error.exit_code)  # the help was printed
    words = " ".join(error.format_message().split())
    see = f" See: {context.command_path} --help" if context else ""
    return Failure(f"error: {words}{see}\n", error.exit_code)


def _drivers(error: Exception) -> Failure | None:
    """The connectors translate what their libraries raise; this is for what slips through."""
    match type(error).__module__.partition(".")[0]:
        case "nats":
            return Failure(f"error: NATS: {str(error) or type(error).__name__}\n")
        case "psycopg":
            from connectors.postgres.connection import explain as explain_postgres

            return Failure(f"error: PostgreSQL: {explain_postgres(cast('psycopg.Error', error))}\n")
        case "minio" | "urllib3":
            from connectors.objects import explain as explain_store

            return Failure(f"error: {explain_store(error)}\n")
        case _:
            return None
