"""Which failures are expected, and the line that tells of each."""

from __future__ import annotations

import errno
import ssl

import nats.errors
import nats.js.errors
import psycopg
import pytest
import typer
import urllib3.exceptions
from minio.error import InvalidResponseError

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.failures import NO_JETSTREAM, explained


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigurationError("this and that"), "this and that"),
        (PermissionError(errno.EACCES, "Permission denied", "/a/b"), "/a/b: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (ssl.SSLError(1, "handshake failure"), "handshake failure"),
        (TimeoutError(), "did not answer in time"),
        (nats.errors.TimeoutError(), "NATS: "),
        (nats.errors.NoRespondersError(), NO_JETSTREAM),
        (nats.js.errors.ServiceUnavailableError(), NO_JETSTREAM),
        (psycopg.OperationalError("connection failed"), "PostgreSQL: connection failed"),
        (psycopg.errors.InsufficientPrivilege("permission denied"), "permission denied"),
        (urllib3.exceptions.ProtocolError("gone"), "reading failed"),
        (InvalidResponseError(502, "text/html", "<html>"), "object store"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_expected_is_one_line_and_exit_code_1(error: Exception, words: str) -> None:
    failure = explained(error)

    assert failure
    assert failure.code == 1
    assert words in str(failure)
    assert str(failure).startswith("error: ")
    assert str(failure).count("\n") == 1


def test_a_wrong_use_is_exit_code_2() -> None:
    failure = explained(typer.BadParameter("give\none"))

    assert failure
    assert (failure.code, str(failure)) == (2, "error: Invalid value: give one\n")


def test_a_pipe_that_nobody_reads_is_silent() -> None:
    assert str(explained(BrokenPipeError(errno.EPIPE, "Broken pipe"))) == ""


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), AssertionError(), OSError("x")])
def test_a_bug_is_not_explained_away(error: Exception) -> None:
    assert explained(error) is None
