"""What every converted network needs: weights that are fixed, any number of pictures in one run."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from dataflow.faces.tuning import fix_weights, replace_prelu


def finish(model: onnx.ModelProto, inputs: Mapping[int, str], outputs: Mapping[int, str]) -> None:
    """Make a network fast, free some of its axes, and check it.

    Args:
        model: the network; it is changed.
        inputs: names for axes of all inputs, whatever lengths these had.
        outputs: the same for the outputs.

    Raises:
        onnx.checker.ValidationError: it is no network any more.
    """
    graph = model.graph
    fix_weights(graph)
    replace_prelu(graph)
    for values, names in ((graph.input, inputs), (graph.output, outputs)):
        for value in values:
            axes = value.type.tensor_type.shape.dim
            for index, name in names.items():
                axes[index].dim_param = name
    del graph.value_info[:]  # it says what the shapes were
    onnx.checker.check_model(model)
