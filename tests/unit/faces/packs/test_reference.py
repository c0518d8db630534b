"""`reference` mode against insightface itself, and what else may be set about a photo's way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from dataflow.faces.detection import without_bystanders
from dataflow.faces.face import Box, Face, FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import ModelSettings
from dataflow.settings.procedure import FAST
from dataflow.steps.recognition import recognise
from tests.photos import ASTRONAUT, SIX_PEOPLE, TOM_HANKS, jpeg, read

MAX_PIXELS = 10_000_000
pytestmark = pytest.mark.filterwarnings("ignore:.estimate. is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def reference_settings(insightface_folder: Path) -> ModelSettings:
    return ModelSettings(pack=str(insightface_folder), mode="reference")


@pytest.fixture(scope="module")
def reference(reference_settings: ModelSettings) -> FacePack:
    return load_pack(reference_settings)


@pytest.mark.parametrize("path", [ASTRONAUT, TOM_HANKS, SIX_PEOPLE], ids=lambda path: path.name)
def test_reference_mode_gives_what_insightface_gives(
    path: Path, reference: FacePack, insightface_folder: Path
) -> None:
    from insightface.app import FaceAnalysis  # type: ignore[import-untyped]  # noqa: PLC0415

    app = FaceAnalysis(name=str(insightface_folder), providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, det_size=(640, 640))
    image = read(path)
    theirs = app.get(image)
    ours = reference.detect(image)
    for their, our in zip(theirs, ours, strict=True):
        box = our.box.x1, our.box.y1, our.box.x2, our.box.y2
        np.testing.assert_allclose(box, their.bbox, atol=0.01)
        # It makes a session for each size of picture, whose sums round otherwise.
        np.testing.assert_allclose(reference.embed(image, our), their.normed_embedding, atol=1e-4)


def test_reference_vectors_are_not_compared_with_others(
    reference: FacePack, insightface_pack: FacePack
) -> None:
    assert reference.contract.id != insightface_pack.contract.id
    photo = jpeg(read(ASTRONAUT))
    vectors = [recognise(photo, p, MAX_PIXELS).embedding for p in (reference, insightface_pack)]
    assert vectors[0] @ vectors[1] > 0.8


def test_reference_mode_is_for_insightface_packs_only(open_settings: ModelSettings) -> None:
    with pytest.raises(ConfigurationError, match="SOLOFACE_MODEL__MODE"):
        load_pack(open_settings.model_copy(update={"mode": "reference"}))


def face_of(side: float) -> Face:
    return Face(Box(10, 20, 10 + side / 2, 20 + side), 0.9, np.zeros((5, 2), np.float32))


@pytest.mark.parametrize(
    ("share", "sides", "left"),
    [
        (0.0, [90, 1], [90, 1]),
        (0.33, [90, 29], [90]),
        (0.33, [90, 31], [90, 31]),
        (0.33, [20, 90], [90]),
        (0.33, [], []),
    ],
)
def test_bystanders_are_faces_that_are_small_beside_the_largest(
    share: float, sides: list[float], left: list[float]
) -> None:
    kept = without_bystanders([face_of(side) for side in sides], share)
    assert [face.box.long_side for face in kept] == left


def test_a_group_is_no_portrait_with_bystanders(
    open_settings: ModelSettings, open_pack: FacePack
) -> None:
    lenient = load_pack(open_settings.model_copy(update={"ignore_smaller": 0.33}))
    group = read(SIX_PEOPLE)
    assert len(lenient.detect(group)) == len(open_pack.detect(group)) == 6


def test_the_defaults_are_the_procedure_of_this_release() -> None:
    assert ModelSettings().procedure == FAST
    assert FAST.name == "jpeg640-fit320-fit640-pad32/2"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"detection_px": (640, 320)}, "DETECTION_PX"),
        ({"detection_px": ()}, "at least 1 item"),
        ({"preview_px": 500}, "PREVIEW_PX"),
    ],
)
def test_looks_that_make_no_sense_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ModelSettings.model_validate(values)


@pytest.mark.parametrize(
    ("providers", "batch", "together"),
    [
        (("CPUExecutionProvider",), None, 1),
        (("CUDAExecutionProvider", "CPUExecutionProvider"), None, 16),
        (("CUDAExecutionProvider",), 4, 4),
        (("CPUExecutionProvider",), 4, 4),
    ],
)
def test_networks_take_photos_together_where_that_pays(
    providers: tuple[str, ...], batch: int | None, together: int
) -> None:
    assert ModelSettings(providers=providers, batch=batch).together == together
