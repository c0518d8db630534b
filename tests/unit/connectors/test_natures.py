"""Which nature each failure of each dependency has: row by row."""

from __future__ import annotations

import ssl
from typing import TypeAlias
from xml.etree.ElementTree import ParseError

import nats.errors
import psycopg
import pytest
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
from connectors.store import explain as explain_store
from connectors.store.answers import RedirectedError, RefusedError
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


STORE: list[tuple[str, Exception, Nature]] = [
    ("404, no such key", RefusedError(404, "NoSuchKey"), Reason.IMAGE_NOT_FOUND),
    ("404, no such version", RefusedError(404, "NoSuchVersion"), Reason.IMAGE_NOT_FOUND),
    ("404, no such bucket", RefusedError(404, "NoSuchBucket"), SystemicError),
    ("403, denied", RefusedError(403, "AccessDenied"), SystemicError),
    ("403, wrong secret", RefusedError(403, "SignatureDoesNotMatch"), SystemicError),
    ("403, unknown key", RefusedError(403, "InvalidAccessKeyId"), SystemicError),
    ("403, clocks apart", RefusedError(403, "RequestTimeTooSkewed"), SystemicError),
    ("403, no words", RefusedError(403), SystemicError),
    ("503, slow down", RefusedError(503, "SlowDown"), TransientError),
    ("503, unavailable", RefusedError(503, "ServiceUnavailable"), TransientError),
    ("500, internal", RefusedError(500, "InternalError"), TransientError),
    ("507, of a name unknown to us", RefusedError(507, "XMinioStorageFull"), TransientError),
    ("400, too slow", RefusedError(400, "RequestTimeout"), TransientError),
    ("400, too often", RefusedError(400, "TooManyRequests"), TransientError),
    ("429, no words", RefusedError(429), TransientError),
    ("502, a proxy's page", RefusedError(502), TransientError),
    ("501, never", RefusedError(501, "NotImplemented"), SystemicError),
    ("refused", NewConnectionError(HTTPConnection("store"), "refused"), SystemicError),
    ("does not connect", ConnectTimeoutError(), SystemicError),
    ("says nothing", ReadTimeoutError(NO_CLIENT, "/", "timed out"), TransientError),
    ("hangs up", ProtocolError("reset", ConnectionResetError()), TransientError),
    ("body cut short", ProtocolError("broken", IncompleteRead(1, 9)), TransientError),
    ("a page where a list was due", ParseError("not well-formed"), SystemicError),
    ("no TLS", SSLError("wrong version number"), SystemicError),
    ("redirects", RedirectedError(307), SystemicError),
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
