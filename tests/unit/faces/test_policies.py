"""What is asked of enrolment photos, by pack."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.faces.contract import Contract
from dataflow.faces.face import Quality
from dataflow.faces.packs.made import OPEN, OPEN_DLIB
from dataflow.faces.policies import enrolment_policy
from dataflow.faces.quality import OFF, STRICT, Flaw, LowQualityError
from tests.builders import FakePack

GOOD = Quality(0.9, 60, 0.2, 120, 0, 0, 0)


def contract(pack: str) -> Contract:
    return replace(FakePack.contract, pack=pack)


@pytest.mark.parametrize(
    "change",
    [
        {"score": 0.57},
        {"eye_distance_px": 6.5},
        {"sharpness": 0.01},
        {"brightness": 6},
        {"pitch_deg": -55},
    ],
)
def test_open_takes_photos_that_bring_more_than_they_cost(change: dict[str, float]) -> None:
    quality = replace(GOOD, **change)
    enrolment_policy("strict", contract(OPEN.contract)).require(quality)
    with pytest.raises(LowQualityError):
        enrolment_policy("strict", contract(OPEN_DLIB.contract)).require(quality)


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"score": 0.53}, Flaw.LOW_SCORE),
        ({"eye_distance_px": 5.5}, Flaw.FACE_TOO_SMALL),
        ({"sharpness": 0.004}, Flaw.BLURRED),
        ({"brightness": 4}, Flaw.TOO_DARK),
        ({"brightness": 242}, Flaw.TOO_BRIGHT),
        ({"yaw_deg": -75}, Flaw.TURNED_AWAY),
        ({"pitch_deg": 65}, Flaw.TURNED_AWAY),
    ],
)
def test_open_refuses_photos_that_cost_more_than_they_bring(
    change: dict[str, float], flaw: Flaw
) -> None:
    with pytest.raises(LowQualityError) as refusal:
        enrolment_policy("strict", contract(OPEN.contract)).require(replace(GOOD, **change))
    assert refusal.value.flaw is flaw


def test_other_packs_and_other_policies_are_as_ever() -> None:
    assert enrolment_policy("strict", contract("anything")) is STRICT
    assert enrolment_policy("off", contract(OPEN.contract)) is OFF
