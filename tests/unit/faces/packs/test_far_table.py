from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dataflow.faces.packs
from dataflow.faces.packs.far_table import FarTable, Worst, read_far_table, shipped_far_table
from dataflow.faces.packs.manifest import Manifest
from dataflow.faces.packs.tables import MEASURED
from dataflow.jobs.errors import ConfigurationError

DATA = Path(dataflow.faces.packs.__path__[0]) / "data"


def table_text(*distances: float) -> str:
    worst = [
        {
            "far": 10.0 ** -(index + 1),
            "distance": distance,
            "low": distance,
            "high": distance,
            "extrapolated": index > 1,
            "population": "one",
        }
        for index, distance in enumerate(distances)
    ]
    return json.dumps({"packs": [{"pack": "p", "worst": worst, "populations": []}]})


def with_several(text: str, *several: dict[str, object]) -> str:
    content = json.loads(text)
    content["packs"][0]["several"] = several
    return json.dumps(content)


def several(one: int, other: int, *distances: float) -> dict[str, object]:
    worst = json.loads(table_text(*distances))["packs"][0]["worst"]
    return {"photos": [one, other], "worst": worst}


def table(*distances: float) -> FarTable:
    return read_far_table(table_text(*distances), "p.json")


def point(power: int, distance: float) -> Worst:
    return Worst(
        far=10.0**-power,
        distance=distance,
        low=distance,
        high=distance,
        extrapolated=False,
        population="one",
    )


def test_the_rates_may_stand_in_any_order() -> None:
    read = FarTable.of([point(3, 0.2), point(1, 0.6), point(2, 0.4)])

    assert [p.distance for p in read.points] == [0.6, 0.4, 0.2]
    assert read.lowest_far == 0.001


def test_a_rate_between_two_is_read_off_the_line_over_its_logarithm() -> None:
    read = table(0.6, 0.4)

    assert read.distance(10**-1.5) == pytest.approx(0.5)


def test_nothing_is_guessed_beyond_the_ends() -> None:
    read = table(0.6, 0.4)

    assert (read.distance(0.9), read.distance(0.1)) == (0.6, 0.6)
    assert (read.distance(0.01), read.distance(1e-12)) == (0.4, 0.4)


@given(
    st.lists(st.floats(0, 2), min_size=2, max_size=6).map(lambda d: sorted(d, reverse=True)),
    st.lists(st.floats(1e-9, 0.999), min_size=2, max_size=2).map(sorted),
)
def test_a_smaller_rate_never_has_a_larger_distance(
    distances: list[float], rates: list[float]
) -> None:
    points = [point(index + 1, distance) for index, distance in enumerate(distances)]
    smaller, larger = (FarTable(points).distance(rate) for rate in rates)

    assert smaller <= larger + 1e-12
    assert distances[-1] <= smaller
    assert larger <= distances[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"packs": []}',
        table_text(0.5),
        table_text(0.4, 0.5),
        table_text(2.5, 0.5),
        with_several(table_text(0.6, 0.5), several(1, 2, 0.4, 0.5)),
        with_several(table_text(0.6, 0.5), several(0, 2, 0.6, 0.5)),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^p\.json is no table") as refused:
        read_far_table(text, "p.json")
    assert "\n" not in str(refused.value)


def test_vectors_of_several_photos_have_tables_of_their_own() -> None:
    text = with_several(table_text(0.6, 0.5), several(1, 2, 0.55, 0.45), several(2, 2, 0.5, 0.4))
    read = read_far_table(text, "p.json")

    assert read.between(1, 1).distance(0.1) == read.distance(0.1) == 0.6
    assert read.between(1, 2).distance(0.1) == read.between(2, 1).distance(0.1) == 0.55
    assert read.between(2, 2).distance(0.1) == read.between(7, 3).distance(0.1) == 0.5
    assert table(0.6, 0.5).between(2, 3).distance(0.1) == 0.6


@pytest.mark.parametrize("name", sorted(f"far_{pack}.json" for pack in set(MEASURED.values())))
def test_a_shipped_table_can_be_read_and_reaches_one_in_a_million(name: str) -> None:
    read = read_far_table((DATA / name).read_bytes(), name)

    assert (read.points[0].far, read.lowest_far) == (0.1, 1e-6)
    assert set(read.several) == {(1, 2), (1, 3), (2, 2), (2, 3), (3, 3)}
    for (one, other), means in read.several.items():
        assert (means.points[0].far, means.lowest_far) == (0.1, 1e-6)
        fewer = read.between(one, other - 1)
        for far in (0.1, 1e-3, 1e-6):
            assert means.distance(far) <= fewer.distance(far)


def test_a_pack_is_known_by_its_recogniser_and_not_by_its_name() -> None:
    sha256 = next(iter(MEASURED))
    manifest = Manifest(
        name="renamed",
        kind="open",
        licence="",
        source="",
        threshold=0.5,
        dimension=128,
        files={},
        made_from={"recogniser": sha256},
    )

    assert shipped_far_table(manifest) is not None
    assert shipped_far_table(manifest.model_copy(update={"made_from": {}})) is None
    assert shipped_far_table(None) is None
