"""The eight-bit file of SFace against its conversion, and how the conversion reads such weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dataflow.faces.alignment import ARCFACE, align
from dataflow.faces.face import FacePack
from dataflow.faces.packs.conversion.sface import plain_sface
from dataflow.faces.packs.made import SFACE
from tests.photos import ASTRONAUT, SIX_PEOPLE, TOM_HANKS, packaged, read

SOURCE = packaged(SFACE.sources[0].folder, SFACE.sources[0].path)


@pytest.fixture(scope="module")
def faces(open_pack: FacePack) -> NDArray[np.float32]:
    """Eight real faces and one of noise, as the network takes them."""
    chips = [np.random.default_rng(5).integers(0, 256, (112, 112, 3)).astype(np.uint8)]
    for path in (SIX_PEOPLE, TOM_HANKS, ASTRONAUT):
        photo = read(path)
        chips += [align(photo, face.landmarks, ARCFACE) for face in open_pack.detect(photo)]
    return np.stack(chips)[:, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)


def run(model: bytes, faces: NDArray[np.float32]) -> NDArray[np.float32]:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: faces})[0])


def test_the_conversion_computes_what_the_packaged_file_does(faces: NDArray[np.float32]) -> None:
    plain = plain_sface(SOURCE.read_bytes()).SerializeToString()
    together = run(plain, faces)
    packaged_file = onnx.load(str(SOURCE))
    # It asks for the float weights too, which its eight-bit ones have replaced.
    del packaged_file.graph.input[1:]
    alone = [run(packaged_file.SerializeToString(), face[None]) for face in faces]
    assert together.shape == (len(faces), 128)
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=1e-4)


def test_the_conversion_holds_floats_only() -> None:
    graph = plain_sface(SOURCE.read_bytes()).graph
    assert {weight.data_type for weight in graph.initializer} == {TensorProto.FLOAT}
    assert [value.name for value in graph.input] == ["data"]
    assert {weight.name for weight in graph.initializer} < {
        n for node in graph.node for n in node.input
    }
    kinds = {node.op_type for node in graph.node}
    assert not kinds & {"DequantizeLinear", "PRelu", "Dropout", "Constant"}


def test_converting_twice_gives_the_same_bytes() -> None:
    data = SOURCE.read_bytes()
    assert plain_sface(data).SerializeToString() == plain_sface(data).SerializeToString()


@given(
    length=st.integers(1, 12),
    others=st.integers(1, 3),
    axis=st.integers(0, 1),
    block=st.integers(0, 4),
    zeros=st.booleans(),
    seed=st.integers(0, 99),
)
def test_weights_in_blocks_become_what_onnx_runtime_makes_of_them(  # noqa: PLR0913, PLR0917
    length: int,
    others: int,
    axis: int,
    block: int,
    zeros: bool,  # noqa: FBT001
    seed: int,
) -> None:
    draw = np.random.default_rng(seed)
    shape = [others, others]
    shape[axis] = length
    scales = list(shape)
    scales[axis] = -(-length // block) if block else length
    if not block:
        scales = [length]
    weights: dict[str, NDArray[Any]] = {
        "x": draw.integers(-128, 128, shape).astype(np.int8),
        "scale": draw.random(scales).astype(np.float32),
        "zero": draw.integers(-5, 6, scales).astype(np.int8),
    }
    names = ["x", "scale", "zero"] if zeros else ["x", "scale"]
    ends = [
        helper.make_tensor_value_info("data", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, shape),
    ]
    nodes = [
        helper.make_node("DequantizeLinear", names, ["w"], axis=axis, block_size=block),
        helper.make_node("Add", ["data", "w"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(weights[name], name) for name in names]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    opset = [helper.make_opsetid("", 21)]
    data = helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    zero = np.zeros(shape, np.float32)
    np.testing.assert_array_equal(run(plain_sface(data).SerializeToString(), zero), run(data, zero))
