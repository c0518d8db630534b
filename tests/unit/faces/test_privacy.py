"""What computes on faces tells nobody about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.places import REPOSITORY

USE = """
from dataflow.faces.packs.loading import load_pack
from dataflow.settings import load_settings
load_pack(load_settings().model)
"""


def test_onnx_runtime_neither_reports_nor_marks_the_machine(
    tmp_path: Path, model_root: Path
) -> None:
    # Where a CI is recognised it stays silent by itself.
    ours = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    settings = {"SOLOFACE_MODEL__PACK": "open", "SOLOFACE_MODEL__ROOT": str(model_root)}
    environment = ours | settings | {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}

    subprocess.run([sys.executable, "-c", USE], cwd=REPOSITORY, env=environment, check=True)

    assert list(tmp_path.rglob("*")) == []
