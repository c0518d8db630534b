"""Which nature each failure of each dependency has: row by row."""

from __future__ import annotations

import ssl
from typing import TypeAlias

import nats.errors
import psycopg
import pytest
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    IncompleteRead,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.poolmanager import PoolManager

from connectors.jetstream.connection import explain as explain_nats
from connectors.postgres.connection import explain as explain_postgres
from connectors.store.objects import _RedirectedError
from connectors.store.objects import explain as explain_store
from dataflow.jobs.errors import (
    ConfigurationError,
    DataError,
    SolofaceError,
    SystemicError,
    TransientError,
)
from dataflow.jobs.reason import Reason
from dataflow.settings import NatsSettings

Nature: TypeAlias = type[SolofaceError] | Reason
"""A data error is told by its reason."""

NO_CLIENT = PoolManager().connection_from_host("store")


def nature(error: SolofaceError) -> Nature:
    return error.reason if isinstance(error, DataError) else type(error)


def s3(code: str) -> S3Error:
    response = None
    return S3Error(response, code, "message", "resource", "request", "host", "bucket", "key")  # type: ignore[arg-type]


STORE: list[tuple[str, Exception, Nature]] = [
    ("404, no such key", s3("NoSuchKey"), Reason.IMAGE_NOT_FOUND),
    ("404, by HEAD", s3("ResourceNotFound"), Reason.IMAGE_NOT_FOUND),
    ("404, no such version", s3("NoSuchVersion"), Reason.IMAGE_NOT_FOUND),
    ("404, no such bucket", s3("NoSuchBucket"), SystemicError),
    ("403, denied", s3("AccessDenied"), SystemicError),
    ("403, wrong secret", s3("SignatureDoesNotMatch"), SystemicError),
    ("403, unknown key", s3("InvalidAccessKeyId"), SystemicError),
    ("403, clocks apart", s3("RequestTimeTooSkewed"), SystemicError),
    ("503, slow down", s3("SlowDown"), TransientError),
    ("503, unavailable", s3("ServiceUnavailable"), TransientError),
    ("500, internal", s3("InternalError"), TransientError),
    ("400, too slow", s3("RequestTimeout"), TransientError),
    ("502, a proxy's page", ServerError("bad gateway", 502), TransientError),
    ("504, no XML", InvalidResponseError(504, "text/html", "<h1>"), TransientError),
    ("refused", NewConnectionError(HTTPConnection("store"), "refused"), SystemicError),
    ("does not connect", ConnectTimeoutError(), SystemicError),
    ("says nothing", ReadTimeoutError(NO_CLIENT, "/", "timed out"), TransientError),
    ("hangs up", ProtocolError("reset", ConnectionResetError()), TransientError),
    ("body cut short", ProtocolError("broken", IncompleteRead(1, 9)), TransientError),
    ("no TLS", SSLError("wrong version number"), SystemicError),
    ("redirects", _RedirectedError(), SystemicError),
    ("name of no bucket", ValueError("invalid bucket name"), Reason.INVALID_IMAGE_REF),
]


@pytest.mark.parametrize(
    ("error", "expected"), [row[1:] for row in STORE], ids=[row[0] for row in STORE]
)
def test_a_failure_of_the_store_has_its_nature(error: Exception, expected: Nature) -> None:
    assert nature(explain_store(error, "bucket")) == expected


STATES: list[tuple[str, Nature]] = [
    ("40001", TransientError),  # serialization_failure
    ("40P01", TransientError),  # deadlock_detected
    ("55P03", TransientError),  # lock_not_available
    ("57014", TransientError),  # query_canceled: the statement timeout
    ("23503", TransientError),  # foreign_key_violation
    ("23505", TransientError),  # unique_violation
    ("21000", Reason.WRITE_REJECTED),  # cardinality_violation
    ("22000", Reason.WRITE_REJECTED),  # data_exception: pgvector's own
    ("22003", Reason.WRITE_REJECTED),  # numeric_value_out_of_range
    ("22P05", Reason.WRITE_REJECTED),  # untranslatable_character
    ("23502", Reason.WRITE_REJECTED),  # not_null_violation
    ("23514", Reason.WRITE_REJECTED),  # check_violation
    ("25006", SystemicError),  # read_only_sql_transaction
    ("28P01", SystemicError),  # invalid_password
    ("3D000", SystemicError),  # invalid_catalog_name
    ("42501", SystemicError),  # insufficient_privilege
    ("42703", SystemicError),  # undefined_column
    ("42P01", SystemicError),  # undefined_table
    ("53100", SystemicError),  # disk_full
    ("53200", SystemicError),  # out_of_memory
    ("53300", SystemicError),  # too_many_connections
    ("57P01", SystemicError),  # admin_shutdown
    ("57P02", SystemicError),  # crash_shutdown
    ("57P03", SystemicError),  # cannot_connect_now
    ("08006", SystemicError),  # connection_failure
    ("58030", SystemicError),  # io_error
    ("XX001", SystemicError),  # data_corrupted
]


@pytest.mark.parametrize(("state", "expected"), STATES, ids=[row[0] for row in STATES])
def test_a_state_of_postgresql_has_its_nature(state: str, expected: Nature) -> None:
    error = psycopg.errors.lookup(state)("as the server says")
    assert nature(explain_postgres(error)) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.OperationalError("connection refused"), SystemicError),
        (psycopg.OperationalError("SSL error: certificate verify failed"), SystemicError),
        (psycopg.errors.ConnectionTimeout("connection timeout expired"), SystemicError),
        (psycopg.InterfaceError("the connection is closed"), SystemicError),
        (psycopg.DataError("a NUL cannot be sent"), Reason.WRITE_REJECTED),
        (psycopg.ProgrammingError("cannot adapt"), Reason.WRITE_REJECTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_without_a_state_has_its_nature(error: psycopg.Error, expected: Nature) -> None:
    assert nature(explain_postgres(error)) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (nats.errors.Error("nats: 'Authorization Violation'"), ConfigurationError),
        (nats.errors.SecureConnWantedError(), ConfigurationError),
        (ssl.SSLError("handshake failure"), ConfigurationError),
        (nats.errors.NoServersError(), SystemicError),
        (nats.errors.TimeoutError(), SystemicError),
        (ConnectionRefusedError("refused"), SystemicError),
        (TimeoutError(), SystemicError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_to_reach_nats_has_its_nature(error: Exception, expected: Nature) -> None:
    assert nature(explain_nats(error, NatsSettings())) == expected
