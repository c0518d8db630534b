"""Several photos of a user become one vector, if they are good and agree."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.faces.face import BgrImage, Box, Face
from dataflow.faces.packs.made import OPEN, SFACE
from dataflow.gallery.enrolment import (
    Enrolment,
    Portrait,
    Refusal,
    Status,
    farthest_of_two,
    mean_embedding,
    without_outliers,
)
from tests.builders import DIMENSION, FakePack, user
from tests.unit.gallery.album import FILES, THRESHOLD, examiner


def enrolled(*photos: str, max_pixels: int = 1000) -> Enrolment:
    looking = examiner(max_pixels=max_pixels)
    return looking.enrolment(user(1), map(looking.examine, photos))


def portrait(name: str, *coordinates: float) -> Portrait:
    vector = np.zeros(DIMENSION, np.float32)
    vector[: len(coordinates)] = coordinates
    return Portrait(name, name, vector / np.linalg.norm(vector), None)


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


class CrowdPack(FakePack):
    """Finds a face in the middle and smaller ones at the edge, if there are several."""

    def __init__(self, largest_aside: float) -> None:
        self._aside = largest_aside

    def detect(self, image: BgrImage) -> list[Face]:
        middle, *others = super().detect(image)
        main = replace(middle, box=Box(3, 3, 5, 5))
        return [replace(o, box=Box(0, 0, self._aside, self._aside)) for o in others] + [main]


def examined(bystanders: str, aside: float) -> Portrait | Refusal:
    return replace(examiner(bystanders=bystanders), pack=CrowdPack(aside)).examine("two.png")


def test_the_clear_subject_is_taken_where_others_are_ignored_and_they_are_counted() -> None:
    taken = examined("ignore", 1)

    assert isinstance(taken, Portrait)
    assert taken.others == 1


@pytest.mark.parametrize("aside", [1, 1.9])
def test_where_no_setting_could_take_one_face_of_several_none_is_named(aside: float) -> None:
    refused = examined("insist", aside)

    assert isinstance(refused, Refusal)
    assert refused.reason == "multiple_faces"
    assert refused.detail.endswith("faces found; crop the photo to the user")
    assert isinstance(examiner(bystanders="insist").examine("1.png"), Portrait)


def test_a_photo_with_others_is_refused_with_every_way_out_that_there_is() -> None:
    refused = {
        (way, aside): examined(way, aside) for way in ("refuse", "ignore") for aside in (1, 1.9)
    }

    del refused["ignore", 1]
    assert all(r.reason == "multiple_faces" for r in refused.values() if isinstance(r, Refusal))
    crop = "crop the photo to the user"
    take = (
        ", or take the face that is clearly the subject: soloface enroll --subject, "
        "SOLOFACE_ENROLMENT__BYSTANDERS=ignore"
    )
    assert {key: r.detail for key, r in refused.items() if isinstance(r, Refusal)} == {
        ("refuse", 1): f"2 faces found; {crop}{take}",
        ("refuse", 1.9): f"2 faces found; {crop}",
        ("ignore", 1.9): f"2 faces found, none of them clearly the subject; {crop}",
    }


def test_somebody_enrolled_by_another_rule_for_bystanders_is_looked_at_again() -> None:
    refusing, ignoring = examiner(), examiner(bystanders="ignore")

    assert refusing.fingerprint(["a"]) == sha256(b"off\na").hexdigest()
    assert ignoring.fingerprint(["a"]) != refusing.fingerprint(["a"])


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


def test_two_photos_may_be_farther_apart_than_a_third_from_the_mean_of_two() -> None:
    one, other = portrait("a", 1, 0), portrait("b", 0.5, 0.75**0.5)
    between = 0.5

    assert without_outliers([one, other], 0.4) == ([], without_outliers([one, other], 0.4)[1])
    assert without_outliers([one, other], 0.4, 0.6) == ([one, other], [])
    kept, refused = without_outliers([one, portrait("again", 1, 0), other], 0.4, 0.6)
    assert [p.photo for p in kept] == ["a", "again"]
    assert [refusal.photo for refusal in refused] == ["b"]
    assert f"{between:.2f} from the others, at most 0.40" in refused[0].detail


def test_how_far_two_photos_may_be_apart_follows_from_how_alike_strangers_are() -> None:
    pack = FakePack()
    assert farthest_of_two(pack) == pack.threshold

    measured = FakePack()
    measured.contract = replace(FakePack.contract, files=(("r", SFACE.sources[0].sha256),))
    assert farthest_of_two(measured) == pytest.approx(0.71, abs=0.02)
    measured.threshold = 0.9
    assert farthest_of_two(measured) == 0.9


def test_the_fingerprint_says_by_which_rules_photos_were_looked_at() -> None:
    as_ever = examiner("strict")
    pack = FakePack()
    pack.contract = replace(FakePack.contract, pack=OPEN.contract)
    measured = replace(as_ever, pack=pack)

    assert as_ever.fingerprint(["a"]) == sha256(b"strict\na").hexdigest()
    assert measured.fingerprint(["a"]) == sha256(b"strict/2\na").hexdigest()
    assert replace(measured, quality="off").fingerprint(["a"]) == sha256(b"off\na").hexdigest()


@given(st.lists(st.integers(0, 2**32 - 1), max_size=7, unique=True))
def test_every_photo_is_kept_or_refused_and_those_kept_agree(seeds: list[int]) -> None:
    photos = [
        portrait(str(seed), *np.random.default_rng(seed).normal(size=DIMENSION)) for seed in seeds
    ]
    kept, refused = without_outliers(photos, THRESHOLD)
    assert sorted([p.photo for p in kept] + [r.photo for r in refused]) == sorted(map(str, seeds))
    again, none = without_outliers(kept, THRESHOLD)
    assert (again, none) == (kept, [])
