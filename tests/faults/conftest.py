"""One lab for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow.faces.face import FacePack
from tests.faults.lab import Lab


@pytest.fixture(scope="session")
def lab(model_root: Path, open_pack: FacePack) -> Iterator[Lab]:
    with Lab(model_root, open_pack) as lab:
        yield lab
