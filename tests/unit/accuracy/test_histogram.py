"""How far photos are apart, counted: every pair of a set once, by whether it is of one person."""

from __future__ import annotations

import orjson
import pytest

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.histogram import WIDTH, histogram
from benchmarks.accuracy.run import PackFaces
from dataflow.faces.packs.histogram import read_histogram
from dataflow.jobs.errors import ConfigurationError
from tests.unit.accuracy.people import faces_at, faces_of


def counted(*groups: Faces) -> PackFaces:
    return PackFaces("/packs/open", "open-0123", 0.5, groups)


def test_every_pair_of_a_set_is_counted_once_and_none_of_two_sets() -> None:
    groups = [faces_of(6, 3, 0.8, name="one"), faces_of(5, 2, 0.8, 1, name="two")]

    found = read_histogram(orjson.dumps(histogram(counted(*groups))), "test")

    assert (found.sets, found.people, found.photos) == (("one", "two"), 11, 28)
    assert sum(found.genuine) == 6 * 3 + 5
    assert sum(found.genuine) + sum(found.impostor) == 18 * 17 / 2 + 10 * 9 / 2
    assert found.genuine[-1] > 0


def test_a_pair_stands_in_the_bar_of_its_distance() -> None:
    # Photos 61 degrees apart are at distance 0.515, opposite ones at 2.
    found = histogram(counted(faces_at((0, 61), (180,), (90,), (270,))))

    assert found["genuine"] == [0] * round(0.5 / WIDTH) + [1]
    impostor = found["impostor"]
    assert isinstance(impostor, list)
    assert len(impostor) == round(2 / WIDTH)


def test_without_pairs_of_both_kinds_there_is_none() -> None:
    with pytest.raises(ConfigurationError, match="no pairs"):
        histogram(counted(faces_at((0,), (90,), (180,), (270,))))
