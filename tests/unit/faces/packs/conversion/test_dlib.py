from __future__ import annotations

from dataclasses import replace

import dlib  # type: ignore[import-untyped]
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dataflow.faces.alignment import DLIB, align
from dataflow.faces.face import BgrImage, FacePack
from dataflow.faces.packs.conversion.dlib_format import (
    Affine,
    Convolution,
    FormatError,
    Network,
    read_network,
)
from dataflow.faces.packs.conversion.dlib_onnx import convert
from dataflow.faces.packs.open_build import load_projection
from tests.photos import ASTRONAUT, SIX_PEOPLE, TOM_HANKS, packaged, read

SOURCE = packaged("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat")


@pytest.fixture(scope="module")
def network() -> Network:
    return read_network(SOURCE.read_bytes())


@pytest.fixture(scope="module")
def chips(open_dlib_pack: FacePack) -> list[BgrImage]:
    """Eight real faces, three kinds of noise."""
    noise = np.random.default_rng(5).integers(0, 256, (150, 150, 3)).astype(np.uint8)
    made = [noise, np.zeros_like(noise), np.full_like(noise, 255)]
    for path in (SIX_PEOPLE, TOM_HANKS, ASTRONAUT):
        photo = read(path)
        made += [align(photo, face.landmarks, DLIB) for face in open_dlib_pack.detect(photo)]
    assert len(made) == 11
    return made


def run(model: bytes, chips: list[BgrImage]) -> NDArray[np.float32]:
    batch = np.stack([chip[:, :, ::-1].transpose(2, 0, 1) for chip in chips]).astype(np.float32)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": batch})[0])


def test_the_network_computes_what_dlib_computes(network: Network, chips: list[BgrImage]) -> None:
    model = dlib.face_recognition_model_v1(str(SOURCE))
    expected = [model.compute_face_descriptor(chip[:, :, ::-1].copy()) for chip in chips]
    found = run(convert(network).SerializeToString(), chips)
    assert np.abs(found - np.array(expected)).max() < 1e-5


def test_the_projection_in_the_last_layer_is_the_projection_of_its_output(
    network: Network, chips: list[BgrImage]
) -> None:
    projection = load_projection()
    plain = run(convert(network).SerializeToString(), chips)
    projected = run(convert(network, projection).SerializeToString(), chips)
    expected = (plain - projection.mean) @ projection.matrix
    assert np.abs(projected - expected).max() < 1e-5
    assert np.abs(projected @ projection.drop.T).max() < 1e-5


def test_converting_twice_gives_the_same_bytes(network: Network) -> None:
    assert convert(network).SerializeToString() == convert(network).SerializeToString()


@pytest.mark.parametrize("end", [0, 1, 20, 100, 1_000_000, -1])
def test_a_file_cut_short_is_refused(end: int) -> None:
    with pytest.raises(FormatError):
        read_network(SOURCE.read_bytes()[:end])


def test_a_file_with_something_after_its_end_is_refused() -> None:
    with pytest.raises(FormatError, match="end of the file"):
        read_network(SOURCE.read_bytes() + b"\0")


def test_another_dlib_file_is_refused() -> None:
    other = SOURCE.with_name("shape_predictor_5_face_landmarks.dat")
    with pytest.raises(FormatError):
        read_network(other.read_bytes())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
@example(21, 3)  # an exponent that no float has
def test_a_damaged_head_is_read_or_refused_and_nothing_else(position: int, value: int) -> None:
    head = bytearray(SOURCE.read_bytes()[:2000])
    head[position] = value
    with pytest.raises(FormatError):
        read_network(bytes(head))


def test_a_convolution_without_its_affine_layer_is_refused(network: Network) -> None:
    layers = tuple(layer for layer in network.layers if not isinstance(layer, Affine))
    with pytest.raises(FormatError, match="affine"):
        convert(replace(network, layers=layers))


def test_a_padded_first_convolution_is_refused_as_its_mean_cannot_be_folded(
    network: Network,
) -> None:
    first, *rest = network.layers
    assert isinstance(first, Convolution)
    padded = replace(first, padding=(1, 1))
    with pytest.raises(FormatError, match="padding"):
        convert(replace(network, layers=(padded, *rest)))
