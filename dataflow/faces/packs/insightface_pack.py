"""Packs in insightface's form: a folder with an SCRFD detector and an ArcFace recogniser.

insightface itself finds out which file is which and how its input is scaled. What happens between
the networks is soloface's own: one procedure for all packs, and no network is run in vain.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dataflow.faces import alignment
from dataflow.faces.contract import Contract
from dataflow.faces.detection import SCORE_THRESHOLD
from dataflow.faces.face import BgrImage, Box, Face, FacePack
from dataflow.faces.packs.catalog import ARCFACE_THRESHOLD
from dataflow.faces.packs.manifest import Manifest, file_sha256
from dataflow.faces.packs.pack import NORMALISATION, BatchedRecogniser, NetworkPack
from dataflow.faces.packs.reference import REFERENCE_ALIGNMENT, REFERENCE_DETECTION, ReferencePack
from dataflow.faces.runtime import (
    check_providers,
    check_session,
    refuse_external_data,
    session_options,
)
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import ModelSettings

_TASKS = ("detection", "recognition")
_CHIP = (alignment.ARCFACE.size, alignment.ARCFACE.size)


class Scrfd:
    """insightface's detector as a :class:`~dataflow.faces.detection.Detector`."""

    __slots__ = ("_model",)

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - insightface has no types
        self._model = model

    def find(self, canvas: BgrImage) -> list[Face]:
        """Find the faces of a picture whose sides are multiples of 32, in its own pixels."""
        height, width = canvas.shape[:2]
        boxes, landmarks = self._model.detect(canvas, input_size=(width, height))
        return [
            Face(Box(*(float(side) for side in box[:4])), float(box[4]), points.astype(np.float32))
            for box, points in zip(boxes, landmarks, strict=True)
        ]


class ArcFace:
    """insightface's recogniser as a :class:`~dataflow.faces.packs.pack.Recogniser`."""

    __slots__ = ("_model",)

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - insightface has no types
        self._model = model

    @property
    def takes_many(self) -> bool:
        """Whether the network was exported for any number of chips in one run."""
        return bool(self._model.session.get_inputs()[0].shape[0] != 1)

    def features(self, chip: BgrImage) -> NDArray[np.float32]:
        """Describe a chip of 112 x 112 pixels."""
        return np.asarray(self.describe([chip])[0])

    def describe(self, chips: Sequence[BgrImage]) -> NDArray[np.float32]:
        """Describe several at once: a row for each."""
        return np.asarray(self._model.get_feat(list(chips)), np.float32)


def load_insightface_pack(
    folder: Path, manifest: Manifest | None, settings: ModelSettings
) -> FacePack:
    """Load a folder of ONNX files; without a manifest, the folder's name is the pack's.

    Raises:
        ConfigurationError: the folder does not make a pack, or a provider cannot be used.
    """
    folder = folder.resolve()
    models = _load_models(folder, settings)
    for model in models.values():
        check_session(model.session, settings.providers)
    files = {path.name: file_sha256(path) or "" for path in _files_of(models)}
    if manifest is not None and files != manifest.files:
        raise ConfigurationError(
            f"In {folder} the networks in use are {', '.join(files)}, but its manifest names "
            f"{', '.join(manifest.files)}; remove what does not belong there."
        )
    reference = settings.mode == "reference"
    if settings.on_processor and not reference:
        for model in models.values():
            _tune(model, settings)
    recogniser = ArcFace(models["recognition"])
    contract = Contract(
        pack=manifest.name if manifest else folder.name,
        files=tuple(sorted(files.items())),
        detection=REFERENCE_DETECTION if reference else settings.procedure.name,
        alignment=REFERENCE_ALIGNMENT if reference else alignment.ARCFACE.name,
        normalisation=NORMALISATION,
        dimension=recogniser.features(np.zeros((*_CHIP, 3), np.uint8)).size,
    )
    threshold = manifest.threshold if manifest else ARCFACE_THRESHOLD
    if reference:
        # insightface's own alignment calls what scikit-image will not have for ever.
        warnings.filterwarnings("ignore", "`estimate` is deprecated", FutureWarning)
        return ReferencePack(
            contract, threshold, models["detection"], models["recognition"], settings.ignore_smaller
        )
    batch = settings.together if recogniser.takes_many else 1
    return NetworkPack(
        contract=contract,
        threshold=threshold,
        detector=Scrfd(models["detection"]),
        recogniser=BatchedRecogniser(recogniser.describe, batch) if batch > 1 else recogniser,
        template=alignment.ARCFACE,
        procedure=settings.procedure,
    )


def _load_models(folder: Path, settings: ModelSettings) -> dict[str, Any]:
    """Let insightface load the folder: its detector and its recogniser, by task."""
    check_providers(settings.providers)
    # An absolute folder with networks in it is never looked up elsewhere, so nothing is downloaded.
    networks = sorted(folder.glob("*.onnx"))
    if not networks:
        raise ConfigurationError(f"{folder} holds no ONNX files.")
    for network in networks:
        refuse_external_data(network)
    # Importing it takes more than a second, which users of the open pack are spared.
    from insightface.app import FaceAnalysis  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        app = FaceAnalysis(
            name=str(folder),
            allowed_modules=list(_TASKS),
            providers=list(settings.providers),
            sess_options=session_options(settings),
            # Photos come in many sizes; a session for each would fill the memory.
            static_shape_sessions=False,
        )
        app.prepare(ctx_id=0, det_thresh=SCORE_THRESHOLD, det_size=(640, 640))
    except Exception as error:
        raise ConfigurationError(
            f"insightface cannot load the pack in {folder}: {error!r}"
        ) from error
    models: dict[str, Any] = app.models
    missing = [task for task in _TASKS if task not in models]
    if missing or not models["detection"].use_kps or models["recognition"].input_size != _CHIP:
        raise ConfigurationError(
            f"{folder} is no pack: it takes an SCRFD detector with landmarks and an ArcFace "
            f"recogniser of {_CHIP[0]} x {_CHIP[1]} pixels."
        )
    return models


def _tune(model: Any, settings: ModelSettings) -> None:  # noqa: ANN401 - insightface has no types
    """Have a network run in the form that the processor is fast at."""
    from dataflow.faces.tuning import tuned  # noqa: PLC0415 - onnx takes a while, as insightface

    if network := tuned(Path(model.model_file)):
        model.session = ort.InferenceSession(
            network, sess_options=session_options(settings), providers=list(settings.providers)
        )


def _files_of(models: dict[str, Any]) -> list[Path]:
    return [Path(models[task].model_file) for task in _TASKS]
