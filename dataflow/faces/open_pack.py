"""The `open` pack: networks that may be used and shipped commercially."""

from __future__ import annotations

from pathlib import Path

from dataflow.faces import alignment
from dataflow.faces.centerface import CenterFace
from dataflow.faces.contract import Contract
from dataflow.faces.detection import PROCEDURE
from dataflow.faces.manifest import Manifest
from dataflow.faces.pack import NORMALISATION, NetworkPack, RawRecogniser
from dataflow.faces.runtime import open_session

DETECTOR_FILE = "centerface.onnx"
RECOGNISER_FILE = "dlib_resnet_projected.onnx"


def load_open_pack(folder: Path, manifest: Manifest, providers: tuple[str, ...]) -> NetworkPack:
    """Load the networks of a folder that its manifest was checked against.

    Raises:
        ConfigurationError: a file is no network, or a provider cannot be used.
    """
    return NetworkPack(
        contract=Contract(
            pack=manifest.name,
            files=manifest.identity,
            detection=PROCEDURE,
            alignment=alignment.DLIB.name,
            normalisation=NORMALISATION,
            dimension=manifest.dimension,
        ),
        threshold=manifest.threshold,
        detector=CenterFace(open_session(folder / DETECTOR_FILE, providers)),
        recogniser=RawRecogniser(open_session(folder / RECOGNISER_FILE, providers)),
        template=alignment.DLIB,
    )
