"""The limits of the policies, measured on the demo's people. Run as a module, it prints a table.

python -m tests.unit.faces.test_quality_limits PACK…
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial

import cv2
import numpy as np
import pytest

from dataflow.faces.face import BgrImage, EmbeddedFace, FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.faces.policies import enrolment_policy
from dataflow.faces.quality import LENIENT, STRICT, Flaw, LowQualityError
from dataflow.jobs.errors import DataError
from dataflow.settings import ModelSettings
from dataflow.steps.recognition import recognise
from soloface.cli.demo.changes import CHANGES, Change, brightened, jpeg, scaled
from soloface.cli.demo.people import ENROLLED

MAX_PIXELS = 10_000_000
MEASURES = ("score", "eye_distance_px", "sharpness", "brightness", "yaw_deg", "pitch_deg")


def blurred(image: BgrImage, sigma: float) -> bytes:
    return jpeg(np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8))


MILD: Mapping[str, Change] = {
    "untouched": jpeg,
    **CHANGES,
    "blur 1": partial(blurred, sigma=1),
    "light 30 %": partial(brightened, factor=0.3),
    "light 150 %": partial(brightened, factor=1.5),
}
HARSH: Mapping[str, tuple[Change, Flaw]] = {
    "scaled 0.25": (partial(scaled, factor=0.25), Flaw.FACE_TOO_SMALL),
    "blur 3": (partial(blurred, sigma=3), Flaw.BLURRED),
    "light 12 %": (partial(brightened, factor=0.12), Flaw.TOO_DARK),
    "light 500 %": (partial(brightened, factor=5), Flaw.TOO_BRIGHT),
}


def seen(pack: FacePack, change: Change) -> Iterator[EmbeddedFace]:
    """The demo's users after a change, where a face is still found."""
    for person in ENROLLED:
        try:
            yield recognise(change(person.portrait()), pack, MAX_PIXELS)
        except DataError:
            continue


@pytest.mark.parametrize("name", MILD)
def test_whoever_can_be_recognised_may_be_enrolled(any_pack: FacePack, name: str) -> None:
    faces = list(seen(any_pack, MILD[name]))
    assert len(faces) == len(ENROLLED)
    for untouched, face in zip(seen(any_pack, jpeg), faces, strict=True):
        assert face.quality
        STRICT.require(face.quality)
        LENIENT.require(face.quality)
        enrolment_policy("strict", any_pack.contract).require(face.quality)
        assert 1 - face.embedding @ untouched.embedding < 0.25


@pytest.mark.parametrize("name", HARSH)
def test_whoever_can_hardly_be_recognised_may_not(any_pack: FacePack, name: str) -> None:
    change, flaw = HARSH[name]
    faces = list(seen(any_pack, change))
    assert faces
    for face in faces:
        assert face.quality
        with pytest.raises(LowQualityError) as refusal:
            STRICT.require(face.quality)
        assert refusal.value.flaw in {flaw, Flaw.LOW_SCORE}


def report(pack: FacePack) -> Iterator[str]:
    """For each change, the least and the most of every measure and the farthest distance."""
    untouched = [face.embedding for face in seen(pack, jpeg)]
    for name, change in [*MILD.items(), *((name, change) for name, (change, _) in HARSH.items())]:
        faces = list(seen(pack, change))
        spans = []
        for measure in MEASURES:
            values = [getattr(face.quality, measure) for face in faces]
            spans.append(f"{measure} {min(values):.3g}..{max(values):.3g}")
        whole = len(faces) == len(untouched)
        pairs = zip(faces, untouched, strict=True) if whole else iter(())
        farthest = max((float(1 - face.embedding @ first) for face, first in pairs), default=None)
        shown = "?" if farthest is None else f"{farthest:.2f}"
        yield f"{name:12} {len(faces)} faces, distance to {shown}, {', '.join(spans)}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        pack = load_pack(ModelSettings(pack=name))
        sys.stdout.write(f"{pack.contract.id}\n" + "\n".join(report(pack)) + "\n")
