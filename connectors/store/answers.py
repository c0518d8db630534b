"""What the object store's answers mean.

An answer about one key is never proof of an outage: it may be about that key alone. Which of both
it is, :mod:`connectors.store.access` finds out.
"""

from __future__ import annotations

from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, ServerError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from connectors.tls import certificate_problem
from dataflow.jobs.errors import DataError, SolofaceError, SystemicError, TransientError
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.reason import Reason

DENIED = "AccessDenied"
_ABSENT = frozenset({"NoSuchKey", "ResourceNotFound", "NoSuchVersion"})
_BUSY = frozenset(
    {
        "BandwidthLimitExceeded",
        "InternalError",
        "OperationTimedOut",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "ServerBusy",
        "ServiceUnavailable",
        "SlowDown",
        "SlowDownRead",
        "SlowDownWrite",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
    }
)
_NEVER_SERVED = frozenset({501, 505})
"""Those of the 5xx that say "not this request", not "not now"."""


class RefusedError(HTTPError):
    """The answer was no success; ``code`` is S3's, empty where the body names none."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(f"HTTP {status} {code}".rstrip())
        self.status = status
        self.code = code

    @property
    def word(self) -> str:
        """What the store said."""
        return f"{self.code} (HTTP {self.status})" if self.code else f"HTTP {self.status}"

    @property
    def absent(self) -> bool:
        """Whether it says for certain that a bucket that we may read has no such object."""
        return self.code in _ABSENT

    @property
    def busy(self) -> bool:
        """Whether a later try may succeed."""
        if self.code in _BUSY or self.status == 429:  # noqa: PLR2004 - Too Many Requests
            return True
        return self.status >= 500 and self.status not in _NEVER_SERVED  # noqa: PLR2004

    @property
    def denied(self) -> bool:
        """Whether this login is known, and may not do this."""
        return self.code == DENIED or (self.status == 403 and not self.code)  # noqa: PLR2004


class RedirectedError(RefusedError):
    """The answer was: look elsewhere."""


def about_this_object(refusal: RefusedError, ref: ImageRef) -> DataError:
    """What a refusal means when other objects can be read: it is about this one."""
    where = f"{ref.bucket}/{ref.key}"
    if refusal.absent or _not_found(refusal):
        return DataError(Reason.IMAGE_NOT_FOUND, f"no such object: {refusal.word}: {where}")
    if refusal.denied:
        words = f"the store answers {refusal.word}: the object is missing or forbidden: {where}"
        return DataError(Reason.IMAGE_UNREADABLE, words)
    return DataError(
        Reason.IMAGE_UNREADABLE, f"the store refuses this object with {refusal.word}: {where}"
    )


def _not_found(refusal: RefusedError) -> bool:
    return not refusal.code and refusal.status in {404, 410}


def explain(error: Exception, bucket: str = "") -> SolofaceError:
    """Translate a client's error: its nature, and one line that says what went wrong.

    A refusal is taken for one of everything; see :func:`about_this_object`.
    """
    match error:
        case RedirectedError() | SSLError():
            return SystemicError(_misdirected(error))
        case RefusedError(absent=True, word=word):
            return DataError(Reason.IMAGE_NOT_FOUND, f"no such object: {word}")
        case RefusedError(busy=True, word=word):
            return TransientError(f"the object store answers {word}")
        case RefusedError(code="NoSuchBucket"):
            return SystemicError(f"the bucket {bucket} does not exist")
        case RefusedError(word=word):
            return SystemicError(f"the object store answers {word}; see SOLOFACE_STORE__ACCESS_KEY")
        case NewConnectionError() | ConnectTimeoutError():
            return SystemicError("the object store does not answer (SOLOFACE_STORE__ENDPOINT)")
        case ParseError():
            return SystemicError(
                "the object store does not answer as S3 does (SOLOFACE_STORE__ENDPOINT)"
            )
        case InvalidResponseError() | ServerError():
            return TransientError("the object store answers with an error of its own")
        case HTTPError() | OSError():
            return TransientError(f"reading failed: {type(error).__name__}")
        case _:
            # The SDK checks names before it asks the server.
            return DataError(Reason.INVALID_IMAGE_REF, str(error))


def _misdirected(error: Exception) -> str:
    if isinstance(error, RedirectedError):
        return "the object store redirects, which is not followed; see SOLOFACE_STORE__ENDPOINT"
    if problem := certificate_problem(error):
        return (
            f"the object store's certificate is not accepted: {problem}; see SOLOFACE_STORE__CA "
            "and the name in SOLOFACE_STORE__ENDPOINT"
        )
    return "no TLS connection to the object store (SOLOFACE_STORE__SECURE)"
