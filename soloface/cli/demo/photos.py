"""The demo's photos as files, to go on with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from soloface.cli.demo.scenario import Case


def keep_photos(cases: Iterable[Case], folder: Path) -> None:
    """Write the portraits that users were enrolled by, and the photos that jobs were about.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    portraits = {f"enrolled/{_slug(p.name)}": jpeg(p.portrait(), quality=95) for p in ENROLLED}
    published = {f"published/{_slug(case.title)}": case.image for case in cases if case.image}
    try:
        for name, image in (portraits | published).items():
            path = folder / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be written: {error.strerror}") from None


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
