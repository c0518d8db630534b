"""What a command says of a failure: one line of what is wrong, and where help is."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import typer

from dataflow.jobs.errors import SolofaceError

if TYPE_CHECKING:
    import psycopg

NO_JETSTREAM = "JetStream is not enabled on this NATS server, or not for this login"


@dataclass(frozen=True, slots=True)
class Failure:
    """How a command ends: what it says on standard error, and its exit code."""

    message: str
    code: int = 1

    def __str__(self) -> str:
        return f"error: {self.message}\n" if self.message else ""


def explained(error: Exception) -> Failure | None:
    """Put a failure that is expected into words; ``None`` if it is a bug.

    Args:
        error: what a command, or one of its parts, has raised.
    """
    match error:
        case SolofaceError():
            return Failure(str(error))
        case typer.Abort():
            return Failure("the answer was no, so nothing was done")
        case typer.TyperException():
            return _wrong_use(error)
        case OSError(errno=errno.EPIPE):
            return Failure("")
        case OSError(strerror=str()):
            parts = (error.filename, error.strerror)
            return Failure(": ".join(str(part) for part in parts if part))
        case _:
            return _drivers(error)


def _wrong_use(error: typer.TyperException) -> Failure:
    if type(error).__name__ == "NoArgsIsHelpError":  # of a module that Typer keeps to itself
        return Failure("", error.exit_code)  # the help was printed
    words = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    see = f"; see {context.command_path} --help" if context else ""
    return Failure(f"{words}{see}", error.exit_code)


def _drivers(error: Exception) -> Failure | None:
    """The connectors translate what their libraries raise; this is for what slips through."""
    match type(error).__module__.partition(".")[0]:
        case "nats" if type(error).__name__ in {"ServiceUnavailableError", "NoRespondersError"}:
            return Failure(NO_JETSTREAM)
        case "nats":
            return Failure(f"NATS: {str(error) or type(error).__name__}")
        case "psycopg":
            from connectors.postgres.connection import explain as explain_postgres

            return Failure(f"PostgreSQL: {explain_postgres(cast('psycopg.Error', error))}")
        case "minio" | "urllib3":
            from connectors.store import explain as explain_store

            return Failure(str(explain_store(error)))
        case "builtins" if isinstance(error, TimeoutError):
            return Failure("a server did not answer in time")
        case _:
            return None
