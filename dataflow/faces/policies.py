"""What is asked of the photos that users are enrolled by: it depends on what the pack can bear."""

from __future__ import annotations

from dataclasses import replace

from dataflow.faces.contract import Contract
from dataflow.faces.packs.made import OPEN
from dataflow.faces.quality import POLICIES, STRICT, QualityPolicy

STRICT_OPEN = replace(
    STRICT,
    min_score=0.55,
    min_eye_distance_px=6,
    min_sharpness=0.005,
    min_brightness=5,
    max_brightness=240,
    max_pitch_deg=60,
)
"""`strict` for the pack `open`: refuses a photo if it costs more right tags than it brings.

SFace puts most bad pictures of a face far from everybody, so they seldom bring a wrong tag, and
their users are still recognised on some photos. Where all detail is burnt out, faces look alike.
`python -m benchmarks.enrolment` measures by measure what photos bring and what they cost. The limit
of the sharpness lies where both are about equal. Of faces with less than 6 pixels between the eyes,
darker than 5 or nodded by more than 60 degrees there were too few to say more, and of profiles: the
limit of the yaw stays as it was.
"""

_MEASURED = {("strict", OPEN.contract): STRICT_OPEN}


def enrolment_policy(name: str, contract: Contract) -> QualityPolicy:
    """The policy of that name for a pack."""
    return _MEASURED.get((name, contract.pack), POLICIES[name])
