"""What the whole way from pixels to embedding keeps apart and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest

from dataflow.faces.face import BgrImage, Box, Embedding, Face, FacePack
from dataflow.faces.image import decode_image
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from tests.photos import (
    ASTRONAUT,
    CAMERAMAN,
    SIX_PEOPLE,
    TOM_HANKS,
    brighter,
    jpeg,
    read,
    rotated,
    scaled,
)


def embed_one(pack: FacePack, photo: BgrImage) -> Embedding:
    (face,) = pack.detect(photo)
    return pack.embed(photo, face)


def embed_all(pack: FacePack, photo: BgrImage) -> list[Embedding]:
    return [pack.embed(photo, face) for face in pack.detect(photo)]


def distance(one: Embedding, other: Embedding) -> float:
    return 1 - float(one @ other)


def test_embeddings_are_unit_length_and_as_long_as_the_contract_says(any_pack: FacePack) -> None:
    for embedding in embed_all(any_pack, read(SIX_PEOPLE)):
        assert embedding.shape == (any_pack.contract.dimension,)
        assert embedding.dtype == np.float32
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-6)


CHANGES: dict[str, Callable[[BgrImage], BgrImage]] = {
    "half the size": lambda photo: scaled(photo, 0.5),
    "three times the size": lambda photo: scaled(photo, 3),
    "ten times the size": lambda photo: scaled(photo, 10),
    "tilted left": lambda photo: rotated(photo, 15),
    "tilted right": lambda photo: rotated(photo, -15),
    "darker": lambda photo: brighter(photo, 0.6),
    "brighter": lambda photo: brighter(photo, 1.4),
    "poor JPEG": lambda photo: decode_image(jpeg(photo, 30), max_pixels=10_000_000),
    "mirrored": lambda photo: np.ascontiguousarray(photo[:, ::-1]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("person", [ASTRONAUT, CAMERAMAN], ids=lambda path: path.stem)
def test_one_person_stays_within_the_threshold_of_a_changed_photo(
    any_pack: FacePack, person: object, change: str
) -> None:
    photo = read(person)  # type: ignore[arg-type]
    changed = embed_one(any_pack, CHANGES[change](photo))
    assert distance(embed_one(any_pack, photo), changed) < any_pack.threshold


def test_different_people_are_farther_apart_than_the_threshold(any_pack: FacePack) -> None:
    people = embed_all(any_pack, read(SIX_PEOPLE))
    people += [embed_one(any_pack, read(photo)) for photo in (ASTRONAUT, CAMERAMAN, TOM_HANKS)]
    assert len(people) == 9
    distances = [distance(one, other) for one, other in combinations(people, 2)]
    assert min(distances) > any_pack.threshold


def test_threads_that_share_a_pack_get_bit_identical_embeddings(any_pack: FacePack) -> None:
    photos = [read(SIX_PEOPLE), read(ASTRONAUT), scaled(read(ASTRONAUT), 0.7), read(TOM_HANKS)]

    def embed(index: int) -> bytes:
        return np.stack(embed_all(any_pack, photos[index % 4])).tobytes()

    expected = [embed(index) for index in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(embed, range(16)))
    assert found == expected * 4


def test_a_face_without_extent_is_low_quality_and_not_an_embedding(any_pack: FacePack) -> None:
    nowhere = Face(Box(5, 5, 5, 5), 0.9, np.full((5, 2), 5, np.float32))
    with pytest.raises(DataError) as caught:
        any_pack.embed(read(TOM_HANKS), nowhere)
    assert caught.value.reason is Reason.LOW_QUALITY
