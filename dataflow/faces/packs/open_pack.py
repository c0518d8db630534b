"""The packs `open` and `open-dlib`: networks that may be used and shipped commercially."""

from __future__ import annotations

from pathlib import Path

from dataflow.faces import alignment
from dataflow.faces.contract import Contract
from dataflow.faces.packs.centerface import CenterFace
from dataflow.faces.packs.made import OPEN, OPEN_DLIB
from dataflow.faces.packs.manifest import Manifest
from dataflow.faces.packs.onet import REFINEMENT, ONet
from dataflow.faces.packs.pack import NORMALISATION, BatchedRecogniser, NetworkPack, RawRecogniser
from dataflow.faces.runtime import open_session
from dataflow.settings import ModelSettings

DETECTOR_FILE = "centerface.onnx"
LANDMARKS_FILE = "onet.onnx"
SFACE_FILE = "sface.onnx"
DLIB_FILE = "dlib_resnet_projected.onnx"


def load_open_pack(folder: Path, manifest: Manifest, settings: ModelSettings) -> NetworkPack:
    """Load the networks of a folder that its manifest was checked against.

    Raises:
        ConfigurationError: a file is no network, or a provider cannot be used.
    """
    batch = settings.together
    dlib = manifest.kind == OPEN_DLIB.kind
    template = alignment.DLIB if dlib else alignment.ARCFACE
    recogniser = RawRecogniser(open_session(folder / (DLIB_FILE if dlib else SFACE_FILE), settings))
    return NetworkPack(
        contract=Contract(
            pack=OPEN_DLIB.contract if dlib else OPEN.contract,
            files=manifest.identity,
            detection=settings.procedure.name,
            alignment=template.name if dlib else f"{REFINEMENT}+{template.name}",
            normalisation=NORMALISATION,
            dimension=manifest.dimension,
        ),
        threshold=manifest.threshold,
        detector=CenterFace(open_session(folder / DETECTOR_FILE, settings), batch),
        recogniser=BatchedRecogniser(recogniser.describe, batch) if batch > 1 else recogniser,
        template=template,
        procedure=settings.procedure,
        refiner=None if dlib else ONet(open_session(folder / LANDMARKS_FILE, settings), batch),
    )
