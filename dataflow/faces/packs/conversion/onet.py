"""ONet of MTCNN, without what only finds boxes."""

from __future__ import annotations

import onnx

from dataflow.faces.packs.conversion.shape import finish

LANDMARKS = "landmarks"
_NUMBERS = 10  # five points


def clean_onet(data: bytes) -> onnx.ModelProto:
    """Keep the one output that says where the landmarks are.

    Raises:
        ValueError: the network has no such output.
    """
    model = onnx.load_from_string(data)
    graph = model.graph
    (points,) = (
        value for value in graph.output if value.type.tensor_type.shape.dim[1].dim_value == _NUMBERS
    )
    _rename(graph, points.name, LANDMARKS)
    points.name = LANDMARKS
    kept = onnx.ValueInfoProto()
    kept.CopyFrom(points)
    del graph.output[:]
    graph.output.append(kept)
    _drop_unused(graph)
    finish(model, {0: "N"}, {0: "N"})
    return model


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        node.output[:] = [new if name == old else name for name in node.output]


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Leave out the nodes and weights that no output needs."""
    needed = {value.name for value in graph.output}
    nodes = []
    for node in reversed(graph.node):  # in the file, a node stands behind those it needs
        if needed & set(node.output):
            nodes.append(node)
            needed |= set(node.input)
    weights = [weight for weight in graph.initializer if weight.name in needed]
    nodes.reverse()
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights)
