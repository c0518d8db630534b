"""Which way the users are searched, by their number and by what the index has proved."""

from __future__ import annotations

import pytest

from dataflow.gallery.search import (
    Index,
    Plan,
    Proof,
    breadths,
    building_mb,
    exact_limit,
    list_count,
    plan_search,
)

MANY = 10_000_000
MODEL = "open-0123456789ab"
PROOF = Proof(model=MODEL, users=MANY, breadth=100, recall=0.996, faces=400)

OTHERS = PROOF.model_copy(update={"model": "another-model"})


def index(
    *,
    dimension: int = 512,
    usable: bool = True,
    comment: str | None = PROOF.model_dump_json(),
) -> Index:
    definition = f"CREATE INDEX … ((face_embedding)::halfvec({dimension})) WITH (lists='2000')"
    return Index(definition, usable, 1, comment)


def proved(recall: float) -> Index:
    return index(comment=PROOF.model_copy(update={"recall": recall}).model_dump_json())


@pytest.mark.parametrize("dimension", [128, 512])
def test_few_users_are_searched_exactly_even_where_an_index_is(dimension: int) -> None:
    few = exact_limit(dimension)

    assert plan_search(few, MODEL, dimension, index(dimension=dimension)) == Plan(few)
    assert plan_search(few + 1, MODEL, dimension, index(dimension=dimension)).breadth == 100


def test_shorter_vectors_are_searched_exactly_for_longer() -> None:
    assert 15_000 < exact_limit(512) < exact_limit(128) < 60_000


def test_many_users_are_searched_by_an_index_as_broadly_as_its_proof_says() -> None:
    plan = plan_search(MANY, MODEL, 512, index())

    assert plan == Plan(MANY, breadth=100, proof=PROOF)
    assert (plan.name, plan.recall, plan.is_due) == ("index", 0.996, False)


@pytest.mark.parametrize(
    ("found", "objection"),
    [
        (None, "there is no index"),
        (index(usable=False), "not complete"),
        (index(dimension=128), "another length"),
        (index(comment=None), "nobody has measured"),
        (index(comment="ours, do not touch"), "nobody has measured"),
        (index(comment=OTHERS.model_dump_json()), "vectors of another-model"),
        (proved(0.9899), "finds only 99.0%"),
    ],
)
def test_an_index_that_proves_nothing_is_passed_over_and_it_is_said_why(
    found: Index | None, objection: str
) -> None:
    plan = plan_search(MANY, MODEL, 512, found)

    assert (plan.name, plan.recall, plan.is_due) == ("exact", 1, True)
    assert objection in (plan.objection or "")


def test_an_index_that_finds_just_enough_is_used() -> None:
    assert plan_search(MANY, MODEL, 512, proved(0.99)).breadth == 100


def test_a_gallery_that_has_doubled_since_it_was_measured_wants_to_be_measured_again() -> None:
    assert not plan_search(2 * MANY, MODEL, 512, index()).is_due
    assert plan_search(2 * MANY + 1, MODEL, 512, index()).is_due


def test_few_of_the_lists_are_tried_before_many() -> None:
    assert breadths(1000) == sorted(breadths(1000))
    assert breadths(1000)[0] == 20
    assert breadths(3) == [1]


def test_the_number_of_lists_is_read_off_the_index() -> None:
    assert index().lists == 2000


def test_more_users_make_more_lists_as_far_as_the_memory_goes() -> None:
    assert list_count(100, 512, 1024) == 35
    assert 1000 < list_count(100_000, 512, 1024) < list_count(300_000, 512, 1024)
    assert building_mb(list_count(MANY, 512, 1024), 512) <= 1024
    assert 100 < list_count(MANY, 512, 128) < list_count(MANY, 512, 1024)
    assert list_count(MANY, 512, 1) == 10
