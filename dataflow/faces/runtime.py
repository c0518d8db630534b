"""ONNX Runtime, set up for many photos at a time on few cores."""

from __future__ import annotations

import mmap
from pathlib import Path

import cv2
import onnxruntime as ort  # type: ignore[import-untyped]

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import ModelSettings

_SETTING = "SOLOFACE_MODEL__PROVIDERS"
_ERRORS_ONLY = 3
_EXTERNAL_DATA = b"\x0a\x08location\x12"  # TensorProto.external_data's key, and its value to come


def session_options(model: ModelSettings) -> ort.SessionOptions:
    """By default one thread per call, asleep when idle: the callers' threads are what is many.

    On two cores that serves 1.5 times as many photos per second as the defaults, whose idle threads
    spin. Also tells OpenCV how many threads to start, by default none, for the same reason.
    """
    cv2.setNumThreads(model.opencv_threads)
    options = ort.SessionOptions()
    options.intra_op_num_threads = model.intra_op_threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(model.spinning)))
    options.log_severity_level = _ERRORS_ONLY
    return options


def check_providers(providers: tuple[str, ...]) -> None:
    """Refuse execution providers that this build of ONNX Runtime does not have.

    Raises:
        ConfigurationError: naming the setting and what there is.
    """
    available = ort.get_available_providers()
    missing = [name for name in providers if name not in available]
    if missing or not providers:
        raise ConfigurationError(
            f"{_SETTING}: {', '.join(missing) or 'an empty list'} cannot be used here; "
            f"this ONNX Runtime has {', '.join(available)}."
        )


def check_session(session: ort.InferenceSession, providers: tuple[str, ...]) -> None:
    """Refuse a session that quietly runs on something else than was asked for.

    Raises:
        ConfigurationError: naming the setting and the providers that did not start.
    """
    fallen = [name for name in providers if name not in session.get_providers()]
    if fallen:
        raise ConfigurationError(
            f"{_SETTING}: {', '.join(fallen)} could not be started; check the driver and its "
            "libraries, or take it off the list."
        )


def refuse_external_data(path: Path) -> None:
    """Refuse a network that keeps its numbers in another file, which no sha256 of ours covers.

    ONNX Runtime itself refuses a file outside the network's folder.

    Raises:
        ConfigurationError: it does, or it cannot be read.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            found = content.find(_EXTERNAL_DATA) >= 0
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if found:
        raise ConfigurationError(
            f"{path} keeps its numbers in another file; save it as one (onnx.save_model with "
            "save_as_external_data=False)."
        )


def open_session(path: Path, model: ModelSettings) -> ort.InferenceSession:
    """Load a network.

    Raises:
        ConfigurationError: the file is no network, or a provider cannot be used.
    """
    providers = model.providers
    check_providers(providers)
    refuse_external_data(path)
    if "CUDAExecutionProvider" in providers:
        ort.preload_dlls()
    try:
        session = ort.InferenceSession(
            str(path), sess_options=session_options(model), providers=list(providers)
        )
    except Exception as error:
        raise ConfigurationError(f"{path} cannot be loaded as a network: {error}") from error
    check_session(session, providers)
    return session
