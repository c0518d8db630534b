"""Making packs from what Python packages carry.

Imports `onnx`, so it is itself imported only while installing.
"""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx

from dataflow.faces.packs.conversion.centerface import clean_centerface
from dataflow.faces.packs.conversion.dlib_format import read_network
from dataflow.faces.packs.conversion.dlib_onnx import Projection, convert
from dataflow.faces.packs.conversion.onet import clean_onet
from dataflow.faces.packs.conversion.sface import plain_sface
from dataflow.faces.packs.made import (
    CENTERFACE,
    DLIB_RESNET,
    ONET,
    OPEN,
    OPEN_DLIB,
    SFACE,
    MadePack,
)
from dataflow.faces.packs.open_pack import DETECTOR_FILE, DLIB_FILE, LANDMARKS_FILE, SFACE_FILE
from dataflow.faces.packs.packaged import read_packaged

_CONVERSION = "1"
"""Raise it with any change here that moves embeddings: it is part of the embedding contract."""


def build_pack(pack: MadePack, folder: Path) -> dict[str, str]:
    """Write the networks of a pack into a folder.

    Returns:
        What they were made from: names, and sha256 in hex or a version.

    Raises:
        ConfigurationError: a package is missing, or carries another file than it used to.
    """
    build = {OPEN.name: _build_open, OPEN_DLIB.name: _build_open_dlib}[pack.name]
    return build(folder) | {"conversion": _CONVERSION}


def _build_open(folder: Path) -> dict[str, str]:
    detector, centerface = read_packaged(CENTERFACE, OPEN.name)
    landmarks, onet = read_packaged(ONET, OPEN.name)
    recogniser, sface = read_packaged(SFACE, OPEN.name)
    onnx.save(clean_centerface(detector), folder / DETECTOR_FILE)
    onnx.save(clean_onet(landmarks), folder / LANDMARKS_FILE)
    onnx.save(plain_sface(recogniser), folder / SFACE_FILE)
    return {"centerface": centerface.sha256, "onet": onet.sha256, "sface": sface.sha256}


def _build_open_dlib(folder: Path) -> dict[str, str]:
    detector, centerface = read_packaged(CENTERFACE, OPEN_DLIB.name)
    recogniser, dlib_resnet = read_packaged(DLIB_RESNET, OPEN_DLIB.name)
    onnx.save(clean_centerface(detector), folder / DETECTOR_FILE)
    onnx.save(convert(read_network(recogniser), load_projection()), folder / DLIB_FILE)
    return {
        "centerface": centerface.sha256,
        "dlib_resnet": dlib_resnet.sha256,
        "projection": hashlib.sha256(_projection_file()).hexdigest(),
    }


def load_projection() -> Projection:
    """The projection that was fitted on 639 faces of photos set apart for it."""
    arrays = np.load(io.BytesIO(_projection_file()), allow_pickle=False)
    return Projection(arrays["mean"].astype(np.float64), arrays["drop"].astype(np.float64))


def _projection_file() -> bytes:
    return (files("dataflow.faces.packs") / "data" / "projection.npz").read_bytes()
