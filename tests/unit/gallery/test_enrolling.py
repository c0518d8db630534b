"""Many users, in batches, kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dataflow.faces.packs.far_table import FarTable, Worst
from dataflow.faces.packs.gap_table import NEXT, Gap, GapTable
from dataflow.gallery.clashes import ClashLimit, Near
from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import (
    USERS_AT_A_TIME,
    Enrolment,
    Judge,
    Offer,
    Status,
)
from dataflow.steps.matching import Candidate
from tests.builders import user
from tests.register import MemoryRegister
from tests.unit.gallery.album import THRESHOLD, examiner, read, run

NEVER, RARELY = (
    Worst(far=far, distance=0, low=0, high=0, extrapolated=False, population="made up")
    for far in (1e-6, 1e-1)
)


def test_the_same_photos_again_change_nothing_and_are_not_looked_at(
    enroller: Enroller, register: MemoryRegister
) -> None:
    offers = [Offer(user(1), ("0.png", "none.png")), Offer(user(2), ("1.png",))]
    assert run(enroller, *offers) == [Status.ENROLLED, Status.ENROLLED]
    before = dict(register.users)

    assert run(enroller, *reversed(offers)) == [Status.UNCHANGED, Status.UNCHANGED]

    assert register.users == before
    assert register.saved == [2]


@pytest.mark.parametrize("photos", [("0.png", "none.png", "0 again.png"), ("0.png", "two.png")])
def test_other_photos_are_looked_at(enroller: Enroller, photos: tuple[str, ...]) -> None:
    run(enroller, Offer(user(1), ("0.png", "none.png")))
    expected = Status.ENROLLED if "two.png" in photos else Status.UNCHANGED
    assert run(enroller, Offer(user(1), photos)) == [expected]


def test_other_rules_are_applied_to_the_same_photos(enroller: Enroller) -> None:
    offer = Offer(user(1), ("0.png",))
    run(enroller, offer)
    stricter = replace(enroller, examiner=examiner("strict"))
    assert run(stricter, offer) == [Status.NO_USABLE_PHOTO]


def test_who_is_too_near_to_another_user_is_refused_and_the_other_is_named(
    enroller: Enroller, register: MemoryRegister
) -> None:
    run(enroller, Offer(user(1), ("0.png",)))

    (done,) = enroller.enrol([Offer(user(2), ("0 again.png",))])

    assert (done.status, done.clash) == (Status.CLASHES, Candidate(user(1), 0.0))
    assert register.users.keys() == {user(1)}
    forced = replace(enroller, clashes=None)
    assert run(forced, Offer(user(2), ("0 again.png",))) == [Status.ENROLLED]


def test_who_was_enrolled_by_somebody_else_since_the_first_look_is_seen(
    enroller: Enroller, register: MemoryRegister
) -> None:
    class Busy(MemoryRegister):
        """Somebody else enrols user 1 just before this saves."""

        def save(
            self, enrolments: Sequence[Enrolment], judge: Judge | None = None
        ) -> list[Enrolment]:
            run(replace(enroller, register=register), Offer(user(1), ("0.png",)))
            return super().save(enrolments, judge)

    busy = replace(enroller, register=Busy(users=register.users))
    (done,) = busy.enrol([Offer(user(2), ("0 again.png",), consent="v1")])
    assert (done.status, done.clash) == (Status.CLASHES, Candidate(user(1), 0.0))
    assert register.users.keys() == {user(1)}
    forced = replace(busy, clashes=None)
    assert run(forced, Offer(user(2), ("0 again.png",))) == [Status.ENROLLED]


def test_in_between_a_user_is_enrolled_and_the_other_is_named(
    enroller: Enroller, register: MemoryRegister
) -> None:
    run(enroller, Offer(user(1), ("0.png",)))
    # Photos of two people are at distance 1 here.
    lenient = replace(enroller, clashes=ClashLimit(1.1, fixed=THRESHOLD))

    (other,) = lenient.enrol([Offer(user(2), ("1.png",))])
    (same,) = lenient.enrol([Offer(user(3), ("0 again.png",))])

    assert (other.status, other.clash) == (Status.ENROLLED, None)
    assert other.alike is not None
    assert other.alike.user_id == user(1)
    assert other.alike.distance == pytest.approx(1)
    assert (same.status, same.alike) == (Status.CLASHES, None)
    assert register.users.keys() == {user(1), user(2)}


def test_whoever_stands_out_from_the_next_users_is_refused_before_and_within_a_batch(
    enroller: Enroller, register: MemoryRegister
) -> None:
    """Twenty others are needed to tell, enrolled or accepted in the same batch."""
    seen: list[list[float]] = []

    class Watched(ClashLimit):
        def clash(self, near: Sequence[Near], users: int, photos: int = 1) -> int | None:
            seen.append([other.distance for other in near])
            return super().clash(near, users, photos)

    gaps = GapTable.of([Gap(users=21, gap=0.5), Gap(users=100, gap=0.4)])
    watched = replace(enroller, clashes=Watched(1.5, FarTable.of([NEVER, RARELY]), gaps=gaps))
    crowd = [Offer(user(number), ("1.png",)) for number in range(1, 31)]
    run(replace(enroller, clashes=None), *crowd)
    done = list(watched.enrol([Offer(user(40), ("0.png",)), Offer(user(41), ("0 again.png",))]))

    assert [enrolment.status for enrolment in done] == [Status.ENROLLED, Status.CLASHES]
    assert done[1].clash
    assert done[1].clash.user_id == user(40)
    # The first one was looked at again, before it was stored.
    assert [len(near) for near in seen] == [1 + NEXT] * 3
    assert seen[1][:2] == pytest.approx([0, 1])
    assert user(41) not in register.users


def test_the_limit_knows_of_how_many_photos_both_vectors_are_the_means(
    enroller: Enroller, register: MemoryRegister
) -> None:
    """Of users who are enrolled, of those of the same batch, and of those on no record: of one."""
    seen: list[tuple[int, list[int]]] = []

    class Watched(ClashLimit):
        def clash(self, near: Sequence[Near], users: int, photos: int = 1) -> int | None:  # noqa: ARG002
            seen.append((photos, [other.photos for other in near]))
            return None

    def another(photo: str) -> bytes:
        """Another file that shows the same."""
        return read("0.png") + photo.encode()

    everybody = replace(enroller, examiner=replace(enroller.examiner, read=another), clashes=None)
    run(everybody, *(Offer(user(n), (f"{n}a", f"{n}b")) for n in (1, 2)))
    del register.photos[user(2)]
    watched = replace(everybody, clashes=Watched(THRESHOLD))
    run(watched, Offer(user(3), ("3a",)), Offer(user(4), ("4a", "4b")))

    looked_at = [(1, [1, 2]), (2, [1, 1, 2])]  # and again, before they were stored
    assert [(photos, sorted(others)) for photos, others in seen] == looked_at * 2


def test_the_one_for_whom_a_user_is_refused_is_named_though_another_is_nearer(
    enroller: Enroller,
) -> None:
    class Second(ClashLimit):
        def clash(self, near: Sequence[Near], users: int, photos: int = 1) -> int | None:  # noqa: ARG002
            return 1 if len(near) > 1 else None

    run(replace(enroller, clashes=None), Offer(user(1), ("0.png",)), Offer(user(2), ("1.png",)))
    (done,) = replace(enroller, clashes=Second(1.1)).enrol([Offer(user(3), ("0 again.png",))])

    assert done.status is Status.CLASHES
    assert done.clash
    assert done.clash.user_id == user(2)


def test_the_limit_of_clashes_counts_those_who_are_enrolled_in_the_same_run(
    enroller: Enroller,
) -> None:
    asked = []

    class Watched(ClashLimit):
        def clash(self, near: Sequence[Near], users: int, photos: int = 1) -> int | None:  # noqa: ARG002
            asked.append(users)
            return None

    watched = replace(enroller, clashes=Watched(THRESHOLD))
    run(watched, *(Offer(user(number), ("0.png",)) for number in range(40)))

    assert list(dict.fromkeys(asked)) == [USERS_AT_A_TIME, 40]


def test_users_of_one_batch_are_kept_apart_too_and_the_first_one_stays(enroller: Enroller) -> None:
    offers = [Offer(user(number), (photo,)) for number, photo in ((1, "0.png"), (2, "0 again.png"))]
    assert run(enroller, *offers) == [Status.ENROLLED, Status.CLASHES]
    assert run(enroller, *offers) == [Status.UNCHANGED, Status.CLASHES]


def test_a_users_own_vector_is_no_clash_nor_one_that_is_replaced_in_the_same_batch(
    enroller: Enroller,
) -> None:
    run(enroller, Offer(user(1), ("0.png",)), Offer(user(2), ("1.png",)))
    swapped = [Offer(user(1), ("2.png",)), Offer(user(2), ("0.png",))]
    assert run(enroller, *swapped) == [Status.ENROLLED, Status.ENROLLED]


def test_a_dry_run_says_the_same_and_stores_nothing(
    enroller: Enroller, register: MemoryRegister
) -> None:
    offers = [Offer(user(1), ("0.png",)), Offer(user(2), ("none.png",))]
    trial = replace(enroller, dry_run=True)
    assert run(trial, *offers) == [Status.ENROLLED, Status.NO_USABLE_PHOTO]
    assert not register.saved


def test_a_user_whom_the_platform_has_not_added_is_named_and_the_others_are_enrolled(
    enroller: Enroller, register: MemoryRegister
) -> None:
    register.unknown = frozenset({user(1)})
    offers = [Offer(user(1), ("0.png",)), Offer(user(2), ("1.png",))]
    assert run(enroller, *offers) == [Status.UNKNOWN_USER, Status.ENROLLED]


def test_users_are_stored_in_batches(enroller: Enroller, register: MemoryRegister) -> None:
    free = replace(enroller, clashes=None)
    run(free, *(Offer(user(number), ("0.png",)) for number in range(40)))
    assert register.saved == [32, 8]


def test_of_whoever_has_withdrawn_no_photo_is_looked_at(
    register: MemoryRegister, enroller: Enroller
) -> None:
    register.gone = {user(1)}
    seen: list[str] = []

    def watched(photo: str) -> bytes:
        seen.append(photo)
        return read(photo)

    careful = replace(enroller, examiner=replace(enroller.examiner, read=watched))

    done = list(careful.enrol([Offer(user(1), ("1.png",)), Offer(user(2), ("2.png",))]))

    assert [enrolment.status for enrolment in done] == [Status.WITHDRAWN, Status.ENROLLED]
    assert set(seen) == {"2.png"}
    assert register.users.keys() == {user(2)}


def test_consent_goes_with_the_enrolment_and_also_where_the_photos_are_the_same(
    register: MemoryRegister, enroller: Enroller
) -> None:
    offers = [Offer(user(1), ("1.png",), "v1"), Offer(user(2), ("2.png",))]
    assert [e.consent for e in enroller.enrol(offers)] == ["v1", None]

    again = [replace(offer, consent="v2") for offer in offers]
    done = list(replace(enroller, dry_run=True).enrol(again))
    assert [(e.status, e.consent) for e in done] == [(Status.UNCHANGED, "v2")] * 2
    assert register.consents == {}
    list(enroller.enrol([*again, Offer(user(3), ("3.png",), "v2")]))
    assert register.consents == {user(1): "v2", user(2): "v2"}
