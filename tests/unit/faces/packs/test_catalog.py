from __future__ import annotations

import pytest

from dataflow.faces.packs.catalog import (
    ARCFACE_THRESHOLD,
    INSTALLABLE,
    licence_of,
    pack_of,
    published_threshold,
)
from dataflow.faces.packs.made import MADE


@pytest.mark.parametrize(
    ("contract_id", "pack"),
    [
        ("open-283e97ebd159", "open-dlib"),
        ("open-sface-a41316ec3508", "open"),
        ("buffalo_l-0123456789ab", "buffalo_l"),
        ("dev-0123456789ab", None),
        ("open", None),
        ("", None),
    ],
)
def test_a_contract_leads_to_the_pack_that_makes_its_vectors(
    contract_id: str, pack: str | None
) -> None:
    assert pack_of(contract_id) == pack


def test_ids_of_two_packs_are_told_apart_by_what_they_begin_with() -> None:
    assert len({pack.contract for pack in MADE.values()}) == len(MADE)


def test_every_pack_that_can_be_installed_has_a_threshold_and_a_licence() -> None:
    for name in INSTALLABLE:
        assert 0.5 < published_threshold(name) < 0.7
        assert licence_of(name) != licence_of("mine")
    assert published_threshold("/mine") == ARCFACE_THRESHOLD
