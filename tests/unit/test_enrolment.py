"""Several photos of a user become one vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.enrolment import Enrolment, embed_photos, mean_embedding
from dataflow.settings import ImageSettings
from tests.builders import FakePack, picture


def enrol(folder: Path, *images: bytes | None, limits: ImageSettings | None = None) -> Enrolment:
    """Enrol from files with these contents; ``None`` is a file that does not exist."""
    photos = [folder / f"{number}.png" for number in range(len(images))]
    for path, image in zip(photos, images, strict=True):
        if image is not None:
            path.write_bytes(image)
    return embed_photos(photos, FakePack(), limits or ImageSettings())


def test_one_photo_is_its_own_mean(tmp_path: Path) -> None:
    done = enrol(tmp_path, picture(person=2))
    assert (done.used, done.refused) == ([tmp_path / "0.png"], [])
    assert done.embedding is not None
    assert done.embedding.tolist() == [0, 0, 1, 0]


def test_the_mean_of_several_photos_lies_between_them_and_has_unit_length(tmp_path: Path) -> None:
    done = enrol(tmp_path, picture(person=0), picture(person=1))
    assert done.embedding is not None
    assert done.embedding == pytest.approx(np.array([0.5, 0.5, 0, 0]) ** 0.5)
    assert done.embedding.dtype == np.float32


def test_a_photo_that_cannot_be_used_is_refused_with_its_reason_and_the_others_count(
    tmp_path: Path,
) -> None:
    done = enrol(
        tmp_path, picture(faces=0), picture(), picture(faces=2), b"no picture", None, picture()
    )
    assert [path.name for path in done.used] == ["1.png", "5.png"]
    assert [(refusal.photo.name, refusal.reason) for refusal in done.refused] == [
        ("0.png", "no_face"),
        ("2.png", "multiple_faces"),
        ("3.png", "image_undecodable"),
        ("4.png", "unreadable_file"),
    ]
    assert all(refusal.detail for refusal in done.refused)


def test_a_user_without_a_usable_photo_has_no_vector(tmp_path: Path) -> None:
    assert enrol(tmp_path, picture(faces=0)).embedding is None
    assert enrol(tmp_path).embedding is None


def test_a_photo_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    done = enrol(tmp_path, picture(), limits=ImageSettings(max_pixels=63))
    assert [refusal.reason for refusal in done.refused] == ["image_too_large"]


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8))
def test_the_mean_of_unit_vectors_has_unit_length(seeds: list[int]) -> None:
    vectors = [np.random.default_rng(seed).normal(size=8) for seed in seeds]
    mean = mean_embedding((v / np.linalg.norm(v)).astype(np.float32) for v in vectors)
    assert float(np.linalg.norm(mean)) == pytest.approx(1, abs=1e-5)
