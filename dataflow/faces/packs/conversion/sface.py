"""SFace as plain float32, also from the file whose weights are eight-bit numbers in blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from dataflow.faces.packs.conversion.shape import finish


def plain_sface(data: bytes) -> onnx.ModelProto:
    """Make all weights float32 constants, for any number of faces in one run.

    ONNX Runtime would turn eight-bit weights into floats again at each run, which takes longer than
    all the rest.
    """
    model = onnx.load_from_string(data)
    graph = model.graph
    values = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    nodes = _without_dropout([node for node in graph.node if not _computed(node, values)])
    needed = {name for node in nodes for name in node.input}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(value), name)
        for name, value in values.items()
        if name in needed
    )
    fed = [value for value in graph.input if value.name in needed and value.name not in values]
    del graph.input[:]
    graph.input.extend(fed)
    finish(model, {0: "N"}, {0: "N"})
    return model


def _computed(node: NodeProto, values: dict[str, NDArray[Any]]) -> bool:
    """Whether the node only prepares a weight; if so, what it gives is among the values now."""
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    known = all(name in values for name in node.input)
    match node.op_type:
        case "Constant":
            result = numpy_helper.to_array(attributes["value"])
        case "DequantizeLinear" if known:
            result = _dequantised([values[name] for name in node.input], attributes)
        case "Reshape" if known:
            weight, shape = (values[name] for name in node.input)
            result = weight.reshape(shape)
        case _:
            return False
    values[node.output[0]] = result
    return True


def _dequantised(inputs: list[NDArray[Any]], attributes: Mapping[str, Any]) -> NDArray[np.float32]:
    """``(x - zero) * scale``, where a block along one axis shares a scale and a zero."""
    whole, *parameters = inputs
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    if block:
        within = tuple(slice(0, length) for length in whole.shape)
        parameters = [np.repeat(one, block, axis)[within] for one in parameters]
    elif parameters[0].ndim == 1 and whole.ndim > 1:
        along = [1] * whole.ndim
        along[axis] = -1
        parameters = [one.reshape(along) for one in parameters]
    scale = parameters[0]
    zero = parameters[1].astype(np.float32) if len(parameters) > 1 else np.float32(0)
    return np.asarray((whole.astype(np.float32) - zero) * scale, np.float32)


def _without_dropout(nodes: list[NodeProto]) -> list[NodeProto]:
    """Have those behind a dropout, which does nothing here, read what it reads."""
    before = {node.output[0]: node.input[0] for node in nodes if node.op_type == "Dropout"}
    kept = [node for node in nodes if node.op_type != "Dropout"]
    for node in kept:
        node.input[:] = [before.get(name, name) for name in node.input]
    return kept
