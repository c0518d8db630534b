"""How far photos of one person and of two are apart: what comes with the program."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.faces.packs.histogram import read_histogram, shipped_histogram
from dataflow.faces.packs.tables import MEASURED
from dataflow.jobs.errors import ConfigurationError
from tests.builders import FakePack

GOOD = (
    '{"contract": "c", "sets": ["a"], "people": 2, "photos": 4, "width": 0.5, '
    '"genuine": [2], "impostor": [0, 4]}'
)


@pytest.mark.parametrize("sha256", MEASURED)
def test_every_measured_recogniser_has_one_in_which_people_are_nearer_to_themselves(
    sha256: str,
) -> None:
    found = shipped_histogram(replace(FakePack.contract, files=(("recogniser", sha256),)))

    assert found
    assert found.contract.startswith("open")
    assert found.people > 100
    assert _mean(found.genuine) < _mean(found.impostor)
    assert max(len(found.genuine), len(found.impostor)) * found.width <= 2


def _mean(counts: tuple[int, ...]) -> float:
    return sum(place * count for place, count in enumerate(counts)) / sum(counts)


def test_of_another_recogniser_there_is_none() -> None:
    assert shipped_histogram(FakePack.contract) is None


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        GOOD.replace('"genuine": [2]', '"genuine": []'),
        GOOD.replace("[0, 4]", "[0, 0]"),
        GOOD.replace("[0, 4]", "[-1, 4]"),
        GOOD.replace('"width": 0.5', '"width": 0'),
    ],
)
def test_what_is_no_histogram_is_named(text: str) -> None:
    assert read_histogram(GOOD, "distances.json").people == 2
    with pytest.raises(ConfigurationError, match=r"distances\.json is no histogram of distances"):
        read_histogram(text, "distances.json")
