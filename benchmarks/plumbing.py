"""The worker without its work: everything is real but the models, and on request the store.

``python -m bytewax.run benchmarks.plumbing:flow`` runs it; ``FIXED_IMAGE=1`` leaves the store out.
"""

from __future__ import annotations

import os
import threading
from functools import partial

import cv2
import numpy as np
from bytewax.dataflow import Dataflow

from dataflow.faces.contract import Contract
from dataflow.faces.face import BgrImage, Box, Embedding, Face
from dataflow.jobs.image_ref import ImageRef
from dataflow.process.lazy import Lazy
from dataflow.process.logs import configure_logs
from dataflow.process.shutdown import stop_on_signals
from dataflow.settings import Settings, load_settings
from dataflow.settings.procedure import FAST
from soloface.cli.demo.changes import jpeg
from soloface.worker import Worker

FIXED_IMAGE = "FIXED_IMAGE"
IMAGE_SIDE = 16


def image() -> bytes:
    """The smallest photo there can be: decoding it takes microseconds."""
    return jpeg(np.zeros((IMAGE_SIDE, IMAGE_SIDE, 3), np.uint8))


class FixedPack:
    """Finds the same face on every photo."""

    threshold = 0.5
    procedure = FAST

    def __init__(self, settings: Settings) -> None:
        length = settings.model.embedding_dimension
        self.contract = Contract("fixed", (), "none/1", "none/1", "none/1", length)
        self._embedding: Embedding = np.eye(1, length, dtype=np.float32)[0]

    def detect(self, image: BgrImage) -> list[Face]:
        """Find it."""
        del image
        return [Face(Box(0, 0, IMAGE_SIDE, IMAGE_SIDE), 0.9, np.zeros((5, 2), np.float32))]

    def magnification(self, face: Face) -> float:
        """Its pixels are enough."""
        del face
        return 1

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        """The fixed vector."""
        del image, face
        return self._embedding


class FixedStore:
    """Holds one image under every name."""

    def __init__(self) -> None:
        self._image = image()

    def read(self, ref: ImageRef) -> bytes:
        """Read it."""
        del ref
        return self._image


def flow() -> Dataflow:
    """The worker's dataflow with these parts in it."""
    cv2.setNumThreads(1)
    settings = load_settings()
    configure_logs(settings.log)
    stop = threading.Event()
    make = partial(Worker, settings, stop, pack=Lazy(lambda: FixedPack(settings)))
    worker = make(store=FixedStore()) if os.environ.get(FIXED_IMAGE) else make()
    stop_on_signals(stop, settings.worker.drain_timeout_s, worker.health)
    return worker.flow()
