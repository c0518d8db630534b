"""What is asked of the photos that users are enrolled by: it depends on what the pack can bear."""

from __future__ import annotations

from dataclasses import replace

from dataflow.faces.contract import Contract
from dataflow.faces.packs.made import OPEN
from dataflow.faces.quality import POLICIES, STRICT, QualityPolicy

STRICT_OPEN = replace(
    STRICT, min_eye_distance_px=8, min_sharpness=0.005, min_brightness=8, max_brightness=240
)
"""`strict` for the pack `open`: refuses a photo if it costs more right tags than it brings.

SFace puts a bad picture of a face far from everybody, so it seldom brings a wrong tag, and its user
is still recognised on some photos. `python -m benchmarks.enrolment` measures by measure what photos
bring and what they cost. The angles stay as they were: too few of the photos show a profile.
"""

_MEASURED = {("strict", OPEN.contract): STRICT_OPEN}


def enrolment_policy(name: str, contract: Contract) -> QualityPolicy:
    """The policy of that name for a pack."""
    return _MEASURED.get((name, contract.pack), POLICIES[name])
