"""Users of galleries: who is kept apart from whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import Offer, Status
from tests.builders import user
from tests.register import MemoryRegister
from tests.unit.gallery.album import run


def test_only_users_who_share_a_gallery_are_kept_apart(
    enroller: Enroller, register: MemoryRegister
) -> None:
    assert run(enroller, Offer(user(1), ("0.png",), galleries=("hall",))) == [Status.ENROLLED]
    assert run(enroller, Offer(user(2), ("0 again.png",), galleries=("school",))) == [
        Status.ENROLLED
    ]
    assert run(enroller, Offer(user(3), ("0.png",), galleries=("hall", "club"))) == [Status.CLASHES]
    assert register.places == {user(1): {"hall"}, user(2): {"school"}}


def test_in_one_batch_too_only_users_who_share_a_gallery_are_kept_apart(enroller: Enroller) -> None:
    offers = [Offer(user(n), ("0.png",), galleries=(name,)) for n, name in ((1, "a"), (2, "b"))]
    assert run(enroller, *offers) == [Status.ENROLLED, Status.ENROLLED]
    again = [Offer(user(n), ("1.png",), galleries=("a",)) for n in (3, 4)]
    assert run(enroller, *again) == [Status.ENROLLED, Status.CLASHES]


def test_a_user_who_belongs_to_a_gallery_already_is_compared_with_its_members(
    enroller: Enroller, register: MemoryRegister
) -> None:
    run(enroller, Offer(user(1), ("0.png",), galleries=("hall",)))
    register.join({user(2): ["hall"]})
    assert run(enroller, Offer(user(2), ("0 again.png",))) == [Status.CLASHES]


def test_the_same_photos_again_can_add_a_gallery(
    enroller: Enroller, register: MemoryRegister
) -> None:
    run(enroller, Offer(user(1), ("0.png",)))
    assert run(enroller, Offer(user(1), ("0.png",), galleries=("hall",))) == [Status.UNCHANGED]
    assert register.places == {user(1): {"hall"}}


@pytest.mark.parametrize("where", ["set", "noted", "nowhere"])
def test_where_a_gallery_is_required_those_without_one_are_compared_with_nobody(
    enroller: Enroller, register: MemoryRegister, where: str
) -> None:
    strict = replace(enroller, gallery_required=where == "set")
    register.required = where == "noted"
    expected = Status.CLASHES if where == "nowhere" else Status.ENROLLED
    inside = Offer(user(3), ("0.png",), galleries=("hall",))
    offers = [Offer(user(1), ("0.png",)), Offer(user(2), ("0.png",)), inside]
    assert run(strict, *offers) == [Status.ENROLLED, expected, Status.ENROLLED]
    assert run(strict, Offer(user(4), ("0.png",))) == [expected]
    assert run(strict, replace(inside, user_id=user(5))) == [Status.CLASHES]
