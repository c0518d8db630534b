"""Settings that another terminal needs, as a script to be sourced there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from dataflow.jobs.errors import ConfigurationError


def script(variables: Mapping[str, str], about: str = "") -> str:
    """Lines of a shell that export the variables; ``about`` stands above them."""
    return about + "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()
    )


def write_script(variables: Mapping[str, str], path: Path, about: str = "") -> None:
    """Write the script for its owner alone: it holds passwords.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    from connectors.embedded.folders import write_private

    try:
        write_private(path, script(variables, about))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
