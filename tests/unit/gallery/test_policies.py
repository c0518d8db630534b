"""Which limit decides in which gallery."""

from __future__ import annotations

from dataflow.gallery.policies import Policies
from dataflow.steps.matching import MatchPolicy

ALL, ONE, FEW = MatchPolicy(0.5, 0.1), MatchPolicy(0.5, 0.4), MatchPolicy(0.5, 0.3)


def test_without_others_one_limit_is_everybodys() -> None:
    assert {Policies(ALL).of(gallery) for gallery in (None, "hall")} == {ALL}


def test_a_gallery_has_its_own_limit_or_that_of_one_nobody_has_counted_yet() -> None:
    policies = Policies(ALL, {"hall": FEW}, ONE)
    assert [policies.of(gallery) for gallery in (None, "hall", "new")] == [ALL, FEW, ONE]
