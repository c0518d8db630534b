"""A network in the form that ONNX Runtime is fast at gives the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dataflow.faces.packs.insightface_pack import ArcFace, load_insightface_pack
from dataflow.faces.packs.pack import NetworkPack
from dataflow.faces.runtime import session_options
from dataflow.faces.tuning import tuned
from dataflow.settings import ModelSettings

CHANNELS = 4
SLOPE_SHAPE = (CHANNELS, 1, 1)
SLOPES = arrays(np.float32, SLOPE_SHAPE, elements=st.floats(-3, 3, width=32)) | arrays(
    np.float32, SLOPE_SHAPE, elements=st.floats(-3, 1, width=32)
)


def network(slopes: NDArray[np.float32] | None) -> onnx.ModelProto:
    """PReLU with these slopes, or with those of a second input."""
    shape: list[str | int | None] = ["n", CHANNELS, 3, 3]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    weights = []
    if slopes is None:
        inputs.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, list(SLOPE_SHAPE)))
    else:
        weights.append(numpy_helper.from_array(slopes, "a"))
    graph = helper.make_graph(
        [helper.make_node("PRelu", ["x", "a"], ["y"])],
        "prelu",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


@given(SLOPES, st.integers(0, 2**32 - 1))
def test_the_results_are_the_same_whatever_the_slopes(
    tmp_path_factory: pytest.TempPathFactory, slopes: NDArray[np.float32], seed: int
) -> None:
    path = tmp_path_factory.mktemp("prelu") / "network.onnx"
    onnx.save(network(slopes), path)
    x = np.random.default_rng(seed).standard_normal((2, CHANNELS, 3, 3)).astype(np.float32)
    rewritten = tuned(path)
    assert rewritten
    assert {node.op_type for node in onnx.load_from_string(rewritten).graph.node} == {
        "Relu",
        "Mul",
        "Add",
    }
    options = session_options(ModelSettings())
    (y,) = ort.InferenceSession(rewritten, options).run(None, {"x": x})
    np.testing.assert_allclose(y, np.where(x > 0, x, slopes * x), atol=1e-5)


def test_no_pass_over_the_numbers_is_relu_alone(tmp_path: Path) -> None:
    """ONNX Runtime has a product and the ReLU after it in one step, but not a ReLU before it."""
    onnx.save(
        network(np.array([-0.5, 0, 0.25, 1], np.float32).reshape(SLOPE_SHAPE)), tmp_path / "n"
    )
    rewritten = tuned(tmp_path / "n")
    assert rewritten
    nodes = onnx.load_from_string(rewritten).graph.node
    products = {node.output[0] for node in nodes if node.op_type == "Mul"}
    (relu,) = (node for node in nodes if node.op_type == "Relu")
    assert set(relu.input) <= products
    assert [node.op_type for node in nodes if set(relu.output) & set(node.input)] == ["Add"]


def test_a_slope_above_one_keeps_its_sign(tmp_path: Path) -> None:
    slopes = np.array([-0.5, 0, 0.25, 1.5], np.float32).reshape(SLOPE_SHAPE)
    onnx.save(network(slopes), tmp_path / "network.onnx")
    rewritten = tuned(tmp_path / "network.onnx")
    assert rewritten
    x = np.linspace(-4, 4, CHANNELS * 9, dtype=np.float32).reshape(1, CHANNELS, 3, 3)
    x = np.concatenate([x, -x])
    (y,) = ort.InferenceSession(rewritten, session_options(ModelSettings())).run(None, {"x": x})
    np.testing.assert_allclose(y, np.where(x > 0, x, slopes * x), atol=1e-6)


def test_a_network_is_left_alone_where_the_slopes_are_not_known(tmp_path: Path) -> None:
    onnx.save(network(None), tmp_path / "network.onnx")
    assert tuned(tmp_path / "network.onnx") is None


def test_weights_are_no_inputs_any_more(tmp_path: Path) -> None:
    slopes = np.full(SLOPE_SHAPE, 0.5, np.float32)
    model = network(slopes)
    model.graph.input.append(
        helper.make_tensor_value_info("a", TensorProto.FLOAT, list(SLOPE_SHAPE))
    )
    onnx.save(model, tmp_path / "network.onnx")
    rewritten = tuned(tmp_path / "network.onnx")
    assert rewritten
    assert [value.name for value in onnx.load_from_string(rewritten).graph.input] == ["x"]


def test_a_pack_has_the_same_vectors_as_with_its_file_as_it_is(insightface_folder: Path) -> None:
    settings = ModelSettings(pack=str(insightface_folder))
    pack = load_insightface_pack(insightface_folder, None, settings)
    assert isinstance(pack, NetworkPack)
    assert isinstance(pack.recogniser, ArcFace)
    chip = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    fast = pack.recogniser.features(chip)
    model = pack.recogniser._model
    as_it_is = ort.InferenceSession(model.model_file, session_options(settings))
    assert {node.op_type for node in onnx.load(model.model_file).graph.node} >= {"PRelu"}
    model.session = as_it_is
    plain = pack.recogniser.features(chip)
    cosine = float(fast @ plain / np.linalg.norm(fast) / np.linalg.norm(plain))
    assert cosine == pytest.approx(1, abs=1e-6)
