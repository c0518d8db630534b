"""Networks in the form that ONNX Runtime is fast at on a processor.

Imports `onnx`, which only installing the `open` pack and loading insightface's take the time for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper


def tuned(path: Path) -> bytes | None:
    """The network in a file, made faster, or ``None`` if it has nothing that is slow.

    The results differ by rounding.
    """
    model: ModelProto = onnx.load(str(path))
    changes = fix_weights(model.graph), replace_prelu(model.graph)
    return model.SerializeToString() if any(changes) else None


def fix_weights(graph: GraphProto) -> bool:
    """Take the weights off the list of inputs; returns whether any was on it.

    As long as each call might change them, ONNX Runtime neither folds batch normalisation nor lays
    the weights out for the processor: CenterFace then takes 2.3 times as long.
    """
    weights = {weight.name for weight in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    found = len(inputs) < len(graph.input)
    del graph.input[:]
    graph.input.extend(inputs)
    return found


def replace_prelu(graph: GraphProto) -> bool:
    """Write PReLU as sums and products; returns whether there was any.

    ONNX Runtime has no vectorised PReLU: a MobileFaceNet spends half of its time there. PReLU is
    ``x`` above zero and ``a x`` below, so ``a x + (1 - a) relu(x)``, whatever ``a`` is. Where no
    ``a`` exceeds 1 that is, to the last bit, ``a x + relu((1 - a) x)``: there the product and
    ReLU, and the other product and the sum, become one pass each over the numbers instead of three
    in all.
    """
    weights = {weight.name: weight for weight in graph.initializer}
    nodes = [new for node in graph.node for new in _without_prelu(node, graph, weights)]
    found = len(nodes) > len(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    return found


def _without_prelu(
    node: NodeProto, graph: GraphProto, weights: Mapping[str, TensorProto]
) -> Iterator[NodeProto]:
    if node.op_type != "PRelu" or node.input[1] not in weights:
        yield node
        return
    x, slope = node.input
    (y,) = node.output
    above, below, inner, rest = (f"{y}/{part}" for part in ("above", "below", "inner", "rest"))
    a = numpy_helper.to_array(weights[slope])
    graph.initializer.append(numpy_helper.from_array(np.asarray(1 - a, a.dtype), rest))
    yield helper.make_node("Mul", [x, slope], [below])
    if (a <= 1).all():
        yield helper.make_node("Mul", [x, rest], [inner])
        yield helper.make_node("Relu", [inner], [above])
    else:
        yield helper.make_node("Relu", [x], [inner])
        yield helper.make_node("Mul", [inner, rest], [above])
    yield helper.make_node("Add", [below, above], [y])
