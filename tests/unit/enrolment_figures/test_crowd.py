"""Made-up people and new users beside them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.enrolment import doubles, newcomers
from benchmarks.enrolment.crowd import Crowd
from benchmarks.enrolment.doubles import CHANCE, gaps, noticed, rows
from benchmarks.enrolment.newcomers import gallery
from benchmarks.enrolment.unlike import sifted
from dataflow.faces.packs.gap_table import NEXT, Gap, GapTable
from dataflow.gallery.calibration import Pairs
from dataflow.gallery.clashes import ClashLimit
from tests.far_tables import TABLE
from tests.unit.accuracy.people import faces_of

ALIKE = [faces_of(60, 4, 0.85, seed, f"set {seed}") for seed in range(2)]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer draws of fewer people than for figures that are shown."""
    monkeypatch.setattr(newcomers, "_STRANGERS", 400)
    monkeypatch.setattr(newcomers, "_DRAWS", 2)
    monkeypatch.setattr(doubles, "_GAP_DRAWS", 2)


def test_made_up_people_are_as_alike_as_the_labelled_ones_and_as_unlike() -> None:
    real = Pairs(ALIKE[0].embeddings, ALIKE[0].people)
    drawn = Crowd.like(ALIKE[:1]).draw("set 0", 60, 4, RNG)
    names = [str(number // 4) for number in range(240)]
    made = Pairs(drawn.reshape(240, -1), names)

    assert np.linalg.norm(drawn, axis=2) == pytest.approx(np.ones((60, 4)), abs=1e-5)
    assert np.median(made.genuine) == pytest.approx(np.median(real.genuine), abs=0.1)
    assert np.median(made.impostor) == pytest.approx(np.median(real.impostor), abs=0.1)
    for share in (0.01, 0.1):
        assert np.quantile(made.impostor, share) == pytest.approx(
            np.quantile(real.impostor, share), abs=0.1
        )


def test_a_population_has_a_centre_of_its_own() -> None:
    crowd = Crowd.like(ALIKE)
    crowd.centres["set 0"][:] = 0
    crowd.centres["set 0"][0] = 5
    drawn = crowd.draw("set 0", 10, 1, RNG)
    assert (drawn[:, 0, 0] > 0.8).all()


def test_strangers_are_not_enrolled_and_who_comes_twice_is_found_by_other_photos() -> None:
    tried = gallery(ALIKE, Crowd.like(ALIKE), 200, 2, draws=2)

    assert tried.strangers.near.shape[1] == 1 + NEXT
    assert (np.diff(tried.strangers.near, axis=1) >= 0).all()
    assert not tried.strangers.found.any()
    assert set(tried.doubles.owner.tolist()) == set(range(120))
    assert tried.doubles.found.mean() > 0.99
    assert np.median(tried.doubles.near[:, 0]) < np.quantile(tried.strangers.near[:, 0], 0.01)


def test_so_few_strangers_exceed_the_gap() -> None:
    crowd = Crowd.like(ALIKE)
    found = gaps(ALIKE, crowd, threshold=2, sizes=(100, 300))

    assert found[100] >= found[300] > 0
    near = gallery(ALIKE, crowd, 300, 1).strangers.near
    gap = near[:, 1 : 1 + NEXT].mean(axis=1) - near[:, 0]
    assert (gap > found[300]).mean() <= 3 * CHANCE


def test_a_limit_by_the_gap_catches_more_than_the_distance_alone() -> None:
    crowd = Crowd.like(ALIKE)
    gap_table = GapTable.of([Gap(users=21, gap=0.3), Gap(users=1_000, gap=0.3)])
    limit = ClashLimit(0.9, TABLE, gaps=gap_table)
    strict = ClashLimit(0.9, fixed=0.05)

    found = noticed(ALIKE, crowd, limit, 200, 1)

    assert found.population == "all sets"
    assert found.doubles == 120
    assert found.by_chance.value < 0.02
    assert found.caught.value > 0.95
    assert found.caught_by_distance.value < found.caught.value
    assert found.caught.value <= found.caught_or_named.value
    assert noticed(ALIKE, crowd, strict, 200, 1).caught.value < 0.05


def test_each_large_set_is_also_tried_alone() -> None:
    found = list(rows(ALIKE, Crowd.like(ALIKE), ClashLimit(0.4), sizes=(60, 200)))
    assert [(one.users, one.photos) for one in found[:3]] == [(120, 1), (120, 2), (120, 3)]
    assert [one.users for one in found] == [120] * 3 + [200] * 3 + [60] * 12
    assert [one.photos for one in found] == [1, 2, 3] * 6
    assert [one.population for one in found[6:]] == ["set 0"] * 6 + ["set 1"] * 6


def test_whoever_has_fewer_photos_than_are_enrolled_is_made_up_for() -> None:
    """Who has four photos comes twice by two each; by three only made-up people do."""
    crowd = Crowd.like(ALIKE[:1])
    two, three, five = (gallery(ALIKE[:1], crowd, 80, photos, draws=1) for photos in (2, 3, 5))

    assert [len(tried.doubles.owner) for tried in (two, three, five)] == [60, 0, 0]
    assert [len(tried.made_up_doubles.owner) for tried in (two, three, five)] == [20, 20, 80]
    assert [(tried.strangers.owner >= 0).sum() for tried in (two, three, five)] == [60, 60, 0]
    assert two.made_up_doubles.found.mean() > 0.9


def test_a_larger_distance_refuses_fewer_own_photos_and_lets_more_foreign_ones_pass() -> None:
    found = [one for one in sifted(ALIKE[:1], (0.1, 0.5, 1.9)) if one.others == 2]

    own = [one.own_refused.value for one in found]
    foreign = [one.foreign_pass.value for one in found]
    assert own == sorted(own, reverse=True)
    assert foreign == sorted(foreign)
    assert (own[-1], foreign[0], foreign[-1]) == (0, 0, 1)
    assert not list(sifted([faces_of(5, 1, 0.9)], (0.5,)))
