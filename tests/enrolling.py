"""`soloface enroll` with a pack that needs no networks, as a process that can be killed.

    python -m tests.enrolling HALT_AFTER ARGUMENT…

After so many photos it stands still for ever; 0: it does not.
"""

from __future__ import annotations

import sys
import threading

import numpy as np

from dataflow.faces.contract import Contract
from dataflow.faces.face import BgrImage, Embedding, Face
from dataflow.faces.packs import loading
from soloface.cli import main
from tests.builders import FakePack

DIMENSION = 128


class PixelPack(FakePack):
    """The first pixels' values seed a vector: other pixels, another person."""

    contract = Contract("pixels", (), "none/1", "none/1", "none/1", DIMENSION)

    def __init__(self, halt_after: int) -> None:
        self._left = halt_after or sys.maxsize
        self._lock = threading.Lock()

    def detect(self, image: BgrImage) -> list[Face]:
        return super().detect(np.full_like(image, 1))

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        del face
        with self._lock:
            self._left -= 1
            if self._left < 0:
                threading.Event().wait()
        seed = int.from_bytes(image[0, 0].tobytes(), "big")
        vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
        return vector / np.float32(np.linalg.norm(vector))


if __name__ == "__main__":
    halting = PixelPack(int(sys.argv.pop(1)))
    vars(loading)["load_pack"] = lambda _settings: halting
    main()
