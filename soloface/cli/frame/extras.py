"""What some commands need beside the package's own dependencies."""

from __future__ import annotations

from importlib.util import find_spec

from dataflow.jobs.errors import ConfigurationError


def require_web() -> None:
    """Check that the API and the review page can be served here.

    Raises:
        ConfigurationError: the extra is not installed.
    """
    for name in ("fastapi", "uvicorn", "jinja2"):
        if find_spec(name) is None:
            raise ConfigurationError(f"{name} is not installed; install soloface[web]")
