"""Names of galleries, as people give them."""

from __future__ import annotations

import re

from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.job import GALLERY

_NAME = re.compile(GALLERY)


def gallery_of(name: str, where: str) -> str:
    """The name of a gallery.

    Raises:
        ConfigurationError: it is none; ``where`` says where it stands.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: the name of a gallery must be 1 to 128 letters, digits and . _ : - "
            "without spaces"
        )
    return name
