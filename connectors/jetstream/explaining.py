"""What is wrong with JetStream, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

from dataflow.jobs.errors import ConfigurationError, SystemicError

NOT_ENABLED = (
    "JetStream is not enabled on this server, or not for this account; turn it on in the NATS "
    "server's configuration (jetstream {…}), or see SOLOFACE_NATS__JETSTREAM_DOMAIN and "
    "SOLOFACE_NATS__API_PREFIX"
)
_NOT_ENABLED_CODES = frozenset({10039, 10076})


class DeniedError(NatsError):
    """The server's permissions forbid what was asked."""


def why(error: Exception) -> str:
    """One line that says why JetStream did not do as asked."""
    if is_not_enabled(error):
        return NOT_ENABLED
    match error:
        case NoStreamResponseError():
            return "no stream takes the subject"
        case APIError(description=str(text)) if text:
            return text
        case TimeoutError():
            return "no answer in time"
        case _:
            return str(error) or type(error).__name__


def is_not_enabled(error: Exception) -> bool:
    """Whether nobody answers for JetStream at all."""
    if isinstance(error, ServiceUnavailableError):
        return not error.description or error.err_code in _NOT_ENABLED_CODES
    return isinstance(error, NoRespondersError)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Around calls of JetStream: ``what`` is the part of it that fails.

    Raises:
        ConfigurationError: JetStream is not enabled, or this login may not do it.
        SystemicError: anything else that JetStream or the connection says.
    """
    try:
        yield
    except (NatsError, TimeoutError) as error:
        if is_not_enabled(error):
            raise ConfigurationError(NOT_ENABLED) from error
        kind = ConfigurationError if isinstance(error, DeniedError) else SystemicError
        raise kind(f"{what}: {why(error)}") from error
