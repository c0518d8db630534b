"""The `open` pack: networks that may be used and shipped commercially."""

from __future__ import annotations

from pathlib import Path

from dataflow.faces import alignment
from dataflow.faces.contract import Contract
from dataflow.faces.packs.centerface import CenterFace
from dataflow.faces.packs.manifest import Manifest
from dataflow.faces.packs.pack import NORMALISATION, BatchedRecogniser, NetworkPack, RawRecogniser
from dataflow.faces.runtime import open_session
from dataflow.settings import ModelSettings

DETECTOR_FILE = "centerface.onnx"
RECOGNISER_FILE = "dlib_resnet_projected.onnx"


def load_open_pack(folder: Path, manifest: Manifest, settings: ModelSettings) -> NetworkPack:
    """Load the networks of a folder that its manifest was checked against.

    Raises:
        ConfigurationError: a file is no network, or a provider cannot be used.
    """
    recogniser = RawRecogniser(open_session(folder / RECOGNISER_FILE, settings))
    batch = settings.together
    return NetworkPack(
        contract=Contract(
            pack=manifest.name,
            files=manifest.identity,
            detection=settings.procedure.name,
            alignment=alignment.DLIB.name,
            normalisation=NORMALISATION,
            dimension=manifest.dimension,
        ),
        threshold=manifest.threshold,
        detector=CenterFace(open_session(folder / DETECTOR_FILE, settings), batch),
        recogniser=BatchedRecogniser(recogniser.describe, batch) if batch > 1 else recogniser,
        template=alignment.DLIB,
        procedure=settings.procedure,
    )
