"""What our TLS connections trust, and what a refusal means."""

from __future__ import annotations

import ssl
from pathlib import Path

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import PREFIX


def client_context(ca: Path | None, variable: str) -> ssl.SSLContext:
    """Trust the CAs of a file, or else the system's; names are checked either way.

    Args:
        ca: a PEM file, instead of the system's CAs.
        variable: the setting that named it, without our prefix.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=str(ca.expanduser()) if ca else None)
    except OSError as error:
        raise unusable(variable, error) from None


def present_certificate(
    context: ssl.SSLContext, certificate: Path, key: Path, variables: str
) -> None:
    """Say who we are to servers that ask for a client certificate.

    Raises:
        ConfigurationError: the files cannot be used, or do not belong together.
    """
    try:
        # With a password of ours, OpenSSL does not ask for one on the terminal.
        context.load_cert_chain(certificate.expanduser(), key.expanduser(), password="")
    except OSError as error:
        raise unusable(variables, error) from None


def unusable(variable: str, error: OSError) -> ConfigurationError:
    """Explain a file that cannot be used, without showing its name or content."""
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "not in PEM form").replace("_", " ").lower()
        return ConfigurationError(f"{PREFIX}{variable} cannot be used: {reason}")
    return ConfigurationError(f"{PREFIX}{variable} cannot be read: {error.strerror or error}")


def certificate_problem(error: BaseException) -> str | None:
    """What is wrong with the other side's certificate, if that is what failed."""
    causes = [error, *error.args]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message.rstrip(".")
    return None
