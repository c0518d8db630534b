"""ONet beside CenterFace: what it does to landmarks, and to vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dataflow.faces.face import Box, Face, FacePack
from dataflow.faces.packs.onet import ONet
from dataflow.faces.packs.pack import NetworkPack
from dataflow.jobs.errors import DataError
from tests.photos import ASTRONAUT, SIX_PEOPLE, TOM_HANKS, read


@pytest.fixture
def onet(open_pack: FacePack) -> ONet:
    assert isinstance(open_pack, NetworkPack)
    assert isinstance(open_pack.refiner, ONet)
    return open_pack.refiner


def eyes_apart(face: Face) -> float:
    return float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))


@pytest.mark.parametrize("path", [SIX_PEOPLE, TOM_HANKS, ASTRONAUT], ids=lambda path: path.name)
def test_both_networks_see_the_landmarks_in_about_the_same_places(
    path: object, onet: ONet, open_pack: FacePack
) -> None:
    photo = read(path)  # type: ignore[arg-type]
    for face in open_pack.detect(photo):
        moved = onet.refined(photo, face.landmarks) - face.landmarks
        assert np.abs(moved).max() < 0.15 * eyes_apart(face)


@pytest.mark.parametrize("path", [SIX_PEOPLE, TOM_HANKS, ASTRONAUT], ids=lambda path: path.name)
def test_landmarks_that_are_a_little_off_come_nearer(
    path: object, onet: ONet, open_pack: FacePack
) -> None:
    """It is what the network is for: half of each error goes, at least."""
    photo = read(path)  # type: ignore[arg-type]
    for face in open_pack.detect(photo):
        right = onet.refined(photo, face.landmarks)
        for off in np.array([[1, 0], [0, -1]], np.float32) * (0.1 * eyes_apart(face)):
            better = onet.refined(photo, face.landmarks + off)
            assert np.abs(np.mean(better - right, axis=0)).max() < 0.75 * np.abs(off).max()


def test_a_refined_face_has_another_vector(open_pack: FacePack) -> None:
    assert isinstance(open_pack, NetworkPack)
    photo = read(ASTRONAUT)
    (face,) = open_pack.detect(photo)
    refined = open_pack.embed(photo, face)
    plain = replace(open_pack, refiner=None).embed(photo, face)
    assert 0.5 < float(refined @ plain) < 0.9999


@pytest.mark.parametrize("place", [np.full((5, 2), 7.0), np.full((5, 2), np.nan)])
def test_landmarks_that_make_no_face_are_low_quality(open_pack: FacePack, place: object) -> None:
    face = Face(Box(0, 0, 9, 9), 0.9, np.asarray(place, np.float32))
    with pytest.raises(DataError, match="landmarks"):
        open_pack.embed(read(ASTRONAUT), face)


def test_the_alignment_of_the_contract_names_the_refinement(
    open_pack: FacePack, open_dlib_pack: FacePack
) -> None:
    assert "onet" in open_pack.contract.alignment
    assert "onet" not in open_dlib_pack.contract.alignment
