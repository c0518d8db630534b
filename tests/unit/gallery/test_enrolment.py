"""Several photos of a user become one vector, if they are good and agree."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import (
    USERS_AT_A_TIME,
    Enrolment,
    Examiner,
    Offer,
    Portrait,
    Status,
    mean_embedding,
    without_outliers,
)
from dataflow.steps.matching import Candidate
from tests.builders import DIMENSION, FakePack, picture, user
from tests.register import MemoryRegister

THRESHOLD = FakePack.threshold
FILES = {
    "none.png": picture(faces=0),
    "two.png": picture(faces=2),
    "text.png": b"no picture",
    **{f"{number}.png": picture(person=number) for number in range(4)},
    "0 again.png": picture(person=0),
}


def read(photo: str) -> bytes:
    if photo not in FILES:
        raise FileNotFoundError(2, "No such file")
    return FILES[photo]


def examiner(quality: str = "off", max_pixels: int = 1000) -> Examiner:
    return Examiner(FakePack(), read, max_pixels, quality)


def enrolled(*photos: str, max_pixels: int = 1000) -> Enrolment:
    looking = examiner(max_pixels=max_pixels)
    return looking.enrolment(user(1), map(looking.examine, photos))


def portrait(name: str, *coordinates: float) -> Portrait:
    vector = np.zeros(DIMENSION, np.float32)
    vector[: len(coordinates)] = coordinates
    return Portrait(name, name, vector / np.linalg.norm(vector), None)


@pytest.fixture
def register() -> MemoryRegister:
    return MemoryRegister()


@pytest.fixture
def enroller(register: MemoryRegister) -> Iterator[Enroller]:
    with ThreadPoolExecutor(2) as pool:
        yield Enroller(examiner(), register, pool, clashes=ClashLimit(THRESHOLD))


def run(enroller: Enroller, *offers: Offer) -> list[Status]:
    return [enrolment.status for enrolment in enroller.enrol(offers)]


# The photos of one user


def test_one_photo_is_its_own_mean() -> None:
    done = enrolled("2.png")
    assert [used.photo for used in done.used] == ["2.png"]
    assert done.embedding is not None
    assert done.embedding.tolist() == [0, 0, 1, 0]
    assert done.used[0].sha256 == sha256(FILES["2.png"]).hexdigest()
    assert done.used[0].quality


def test_a_photo_that_cannot_be_used_is_refused_with_its_reason_and_the_others_count() -> None:
    done = enrolled("none.png", "1.png", "two.png", "text.png", "absent.png")
    assert [used.photo for used in done.used] == ["1.png"]
    assert [(refusal.photo, refusal.reason) for refusal in done.refused] == [
        ("none.png", "no_face"),
        ("two.png", "multiple_faces"),
        ("text.png", "image_undecodable"),
        ("absent.png", "unreadable_file"),
    ]
    assert all(refusal.detail for refusal in done.refused)


def test_a_user_without_a_usable_photo_has_no_vector() -> None:
    for photos in (("none.png",), ()):
        done = enrolled(*photos)
        assert (done.status, done.embedding) == (Status.NO_USABLE_PHOTO, None)


def test_a_photo_with_too_many_pixels_is_refused() -> None:
    done = enrolled("1.png", max_pixels=63)
    assert [refusal.reason for refusal in done.refused] == ["image_too_large"]


def test_a_picture_that_is_not_good_enough_is_refused_with_its_flaw_and_what_was_measured() -> None:
    refusal = examiner("strict").examine("1.png")
    assert not isinstance(refusal, Portrait)
    assert (refusal.reason, refusal.quality and refusal.quality.score) == ("face_too_small", 0.9)


def test_the_same_photo_twice_counts_once() -> None:
    done = enrolled("0.png", "0 again.png")
    assert [used.photo for used in done.used] == ["0.png"]
    assert [refusal.reason for refusal in done.refused] == ["same_photo"]


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8))
def test_the_mean_of_unit_vectors_has_unit_length(seeds: list[int]) -> None:
    vectors = [np.random.default_rng(seed).normal(size=8) for seed in seeds]
    mean = mean_embedding((v / np.linalg.norm(v)).astype(np.float32) for v in vectors)
    assert float(np.linalg.norm(mean)) == pytest.approx(1, abs=1e-5)


# Whether they agree


def test_a_photo_unlike_the_users_others_is_refused_and_named() -> None:
    alike = [portrait("a", 1, 0.1), portrait("b", 1, -0.1), portrait("c", 1, 0, 0.2)]
    odd = portrait("odd", 0, 0, 0, 1)
    kept, refused = without_outliers([alike[0], odd, *alike[1:]], THRESHOLD)
    assert kept == alike
    assert [(refusal.photo, refusal.reason) for refusal in refused] == [("odd", "unlike_others")]


def test_the_most_unlike_photo_goes_first_so_that_it_takes_no_good_one_along() -> None:
    kept, refused = without_outliers(
        [portrait("a", 1, 0), portrait("b", 1, 0.9), portrait("odd", -1, -1)], THRESHOLD
    )
    assert [p.photo for p in kept] == ["a", "b"]
    assert [refusal.photo for refusal in refused] == ["odd"]


def test_of_two_photos_that_disagree_both_are_refused() -> None:
    done = enrolled("0.png", "1.png")
    assert done.status is Status.NO_USABLE_PHOTO
    assert [refusal.photo for refusal in done.refused] == ["0.png", "1.png"]


@given(st.lists(st.integers(0, 2**32 - 1), max_size=7, unique=True))
def test_every_photo_is_kept_or_refused_and_those_kept_agree(seeds: list[int]) -> None:
    photos = [
        portrait(str(seed), *np.random.default_rng(seed).normal(size=DIMENSION)) for seed in seeds
    ]
    kept, refused = without_outliers(photos, THRESHOLD)
    assert sorted([p.photo for p in kept] + [r.photo for r in refused]) == sorted(map(str, seeds))
    again, none = without_outliers(kept, THRESHOLD)
    assert (again, none) == (kept, [])


# Many users


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


def test_the_limit_of_clashes_counts_those_who_are_enrolled_in_the_same_run(
    enroller: Enroller,
) -> None:
    asked = []

    class Watched(ClashLimit):
        def distance(self, users: int) -> float:
            asked.append(users)
            return 0

    watched = replace(enroller, clashes=Watched(THRESHOLD))
    run(watched, *(Offer(user(number), ("0.png",)) for number in range(40)))

    assert asked == [USERS_AT_A_TIME, 40]


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
