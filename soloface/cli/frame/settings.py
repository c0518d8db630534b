"""The settings, for commands: read when a command runs, so that its help need not load them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataflow.settings import Settings


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigurationError: a variable is unknown or has a bad value; the message names each one.
    """
    from dataflow.settings import load_settings

    return load_settings()
