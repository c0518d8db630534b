"""What a process remembers of the users, as they come, change and go."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.gallery import remembered
from dataflow.gallery.remembered import Ids, Known, Ledger, NoRoomError, Remembered, Shortlisted
from dataflow.steps.matching import Candidate

DIMENSION = 16
GALLERIES = ("hall", "yard")


def user_id(number: int) -> UUID:
    # Ends in zeros, which must not be taken for the end of it.
    return UUID(int=number << 64)


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(DIMENSION, dtype=np.float32)


def ids(*numbers: int) -> Ids:
    found = b"".join(user_id(number).bytes for number in numbers)
    return np.frombuffer(found, np.uint8).reshape(-1, 16)


def ledger_of(users: Mapping[int, int], members: Mapping[str, list[int]], room: int) -> Ledger:
    ledger = Ledger(DIMENSION, room)
    if users:
        ledger.add(ids(*users), np.stack([vector(seed) for seed in users.values()]))
    ledger.join({gallery: ids(*numbers) for gallery, numbers in members.items()})
    return ledger


def listed(known: Remembered, gallery: str | None = None) -> set[UUID]:
    """Everybody who is known, there or anywhere."""
    (found,) = known.shortlists([vector(0)], [frozenset(filter(None, [gallery]))], 50)
    assert found is not None
    assert found.beyond == float("inf")
    return set(found.users)


USERS = st.dictionaries(st.integers(1, 12), st.integers(1, 5), max_size=10)
PLACES = st.lists(st.sampled_from(GALLERIES), unique=True)
CHANGES = st.lists(
    st.dictionaries(
        st.integers(1, 12), st.tuples(st.none() | st.integers(1, 5), PLACES), max_size=5
    ),
    max_size=6,
)


@settings(max_examples=25)
@given(
    USERS,
    st.dictionaries(st.sampled_from(GALLERIES), st.lists(st.integers(1, 12), unique=True)),
    CHANGES,
)
def test_it_knows_whom_the_database_knows(
    users: dict[int, int],
    members: dict[str, list[int]],
    changes: list[dict[int, tuple[int | None, list[str]]]],
) -> None:
    ledger = ledger_of(users, members, 200)
    vectors = dict(users)
    places = {n: {g for g, inside in members.items() if n in inside} for n in range(1, 13)}
    given_away = []
    for changed in changes:
        for number, (seed, galleries) in changed.items():
            places[number] = set(galleries)
            vectors.pop(number, None)
            if seed is not None:
                vectors[number] = seed
        ledger.change(
            Known(user_id(number), None if seed is None else vector(seed), galleries)
            for number, (seed, galleries) in changed.items()
        )
        now = ledger.remembered("", "")
        expected = {user_id(number) for number in vectors}
        given_away.append((now, expected))
        assert listed(now) == expected
        assert now.crowd.size == len(expected)
        for gallery in GALLERIES:
            inside = {user_id(n) for n in vectors if gallery in places[n]}
            assert listed(now, gallery) == inside
        for number, seed in vectors.items():
            (nearest,) = now.shortlists([vector(seed)], [frozenset()], 1)
            assert nearest is not None
            assert user_id(number) in nearest.users
    for before, expected in given_away:
        assert listed(before) == expected


def test_too_many_users_are_refused() -> None:
    ledger = ledger_of({1: 1, 2: 2}, {}, 3)
    ledger.change([Known(user_id(1), vector(3))])
    with pytest.raises(NoRoomError):
        ledger.change([Known(user_id(1), vector(4))])


def test_it_is_worn_once_many_rows_stand_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_ALWAYS_BORNE", 10)
    ledger = ledger_of({1: 1}, {}, 100)
    for seed in range(11):
        assert not ledger.is_worn
        ledger.change([Known(user_id(1), vector(seed))])
    assert ledger.is_worn


def test_a_shortlist_of_nearly_everybody_is_none() -> None:
    many = dict.fromkeys(range(1, 300), 1)
    now = ledger_of(many, {}, 300).remembered("", "")
    assert now.shortlists([vector(1)], [frozenset()], 2) == [None]


@pytest.mark.parametrize("scale", [0, 1e-30, 1e30, 3e38])
def test_a_face_that_no_model_makes_has_no_shortlist(scale: float) -> None:
    now = ledger_of({1: 1}, {}, 2).remembered("", "")
    faces = [np.full(DIMENSION, scale, np.float32), vector(1), vector(1)[1:]]
    found = now.shortlists(faces, [frozenset()] * 3, 2)
    assert [one and list(one.users) for one in found] == [None, [user_id(1)], None]


def test_the_codes_of_those_who_left_are_wiped_out_once_nobody_reads_them() -> None:
    ledger = ledger_of({1: 1, 2: 2}, {}, 10)
    before = ledger.remembered("", "")
    codes = before.crowd.coded.codes
    ledger.change([Known(user_id(1), None)])
    now = ledger.remembered("", "")
    ledger.change([])
    assert codes[0].any()
    del before
    ledger.change([])
    assert not codes[0].any()
    assert listed(now) == {user_id(2)}


def test_the_nearest_of_a_shortlist_are_not_trusted_where_others_may_be_nearer() -> None:
    near, far = Candidate(user_id(1), 0.2), Candidate(user_id(2), 0.6)
    unknown = Candidate(user_id(3), float("nan"))
    some, everybody = Shortlisted([], 0.5), Shortlisted([], float("inf"))
    assert some.settles([near, near], 2)
    assert not some.settles([near, far], 2)
    assert not some.settles([near, unknown], 2)
    assert not some.settles([near], 2)
    assert everybody.settles([near], 2)
    assert everybody.settles([near, unknown], 2)
